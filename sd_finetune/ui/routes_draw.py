"""Routes of drawing with what a run has made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import FileResponse

from ..errors import UserError
from .context import Context
from .drawing import draw_job, drawn
from .guard import Route, same_origin


def draw_routes(context: Context) -> APIRouter:
    """The routes under /models/NAME/drawn."""
    router = APIRouter(route_class=Route, tags=["drawing"])

    @router.post("/models/{name}/draw", dependencies=[Depends(same_origin)])
    def draw(name: str, content: dict[str, Any] = Body(...)) -> dict[str, Any]:
        """Draw `count` pictures of `prompt` from `seed` on, with the file `result` of `run`, or without both."""
        result = _result(context, name, content) if content.get("result") else None
        context.runner.start(lambda: draw_job(context.model(name), content, result))
        return {}

    @router.get("/models/{name}/drawn")
    def pictures(name: str) -> list[dict[str, Any]]:
        """What was drawn, the latest first."""
        return drawn(context.model(name))

    @router.get("/models/{name}/drawn/{key}/{picture}")
    def picture(name: str, key: str, picture: str) -> FileResponse:
        """One of the pictures."""
        for entry in drawn(context.model(name)):
            if entry["key"] == key and picture in entry["pictures"]:
                return FileResponse(context.model(name).folder / "drawn" / key / picture)
        raise UserError(f"There is no drawn picture {picture}: read the list again.")

    return router


def _result(context: Context, name: str, content: dict[str, Any]) -> dict[str, Any]:
    run = context.run(name, str(content.get("run")))
    for entry in context.views.of(run).results():
        if Path(entry["path"]).name == content["result"]:
            return {**entry, "name": content["result"]}
    raise UserError(f"{run.path.name} made no file {content['result']}: choose one of its results.")
