"""The page's own files: markup, style, modules."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from .guard import Route

WEB = Path(__file__).parents[1] / "web"
STYLE = Path(__file__).parents[3] / "style.css"
MEDIA_TYPES = {".mjs": "text/javascript", ".css": "text/css", ".html": "text/html"}
NOT_KEPT = {"Cache-Control": "no-cache"}
"""So that a browser asks whether a file changed, and an update of ours is seen at once."""

router = APIRouter(route_class=Route)
own_page = APIRouter(route_class=Route)
"""For a server whose only page this is."""


@router.get("/web/{file}", include_in_schema=False)
def web(file: str) -> FileResponse:
    """A file of the page."""
    path = STYLE if file == STYLE.name else WEB / file
    if path.name != file or path.suffix not in MEDIA_TYPES or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=NOT_KEPT)


@own_page.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(WEB / "page.html", media_type="text/html", headers=NOT_KEPT)


@own_page.get("/openapi.json", include_in_schema=False)
def documentation(request: Request) -> JSONResponse:
    """What each route takes and answers, for authors of scripts."""
    return JSONResponse(request.app.openapi())


@own_page.get("/favicon.ico", include_in_schema=False)
def icon() -> Response:
    """Nothing, without an error in the browser's console."""
    return Response(status_code=204)
