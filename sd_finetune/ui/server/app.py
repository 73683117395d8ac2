"""Puts the tab together: all routes under /sd_finetune for any server, and a server of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

from .concept_routes import concept_routes
from .context import Context
from .drawing_routes import draw_routes
from .guard import login_required
from .project_routes import model_routes
from .run_routes import run_routes

PREFIX = "/sd_finetune"
WEB = Path(__file__).parents[1] / "web"
STYLE = Path(__file__).parents[3] / "style.css"
SERVED = {".mjs": "text/javascript", ".css": "text/css", ".html": "text/html"}
NOT_KEPT = {"Cache-Control": "no-cache"}
"""So that a browser asks whether a file changed, and an update of ours is seen at once."""


def make_router(context: Context) -> APIRouter:
    """Everything that the page asks for; each route asks for the host's login. For `app.include_router`."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(login_required(context.host))])
    for routes in (model_routes, run_routes, concept_routes, draw_routes):
        router.include_router(routes(context))

    @router.get("/web/{file}", include_in_schema=False)
    def web(file: str) -> FileResponse:
        path = STYLE if file == STYLE.name else WEB / file
        if path.name != file or path.suffix not in SERVED or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type=SERVED[path.suffix], headers=NOT_KEPT)

    return router


def make_app(context: Context) -> FastAPI:
    """A server with the tab as its only page. Its JSON routes are documented at /docs."""
    app = FastAPI(title="SD Fine-Tune", docs_url=None, redoc_url=None)
    app.include_router(make_router(context))

    @app.get("/", include_in_schema=False)
    def page() -> Any:
        return FileResponse(WEB / "page.html", media_type="text/html", headers=NOT_KEPT)

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Any:
        return RedirectResponse("data:,")

    return app
