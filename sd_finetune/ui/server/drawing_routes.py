"""Routes of drawing with what a run has made."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import FileResponse

from ...errors import UserError
from ..jobs.drawing import draw_job, drawn
from .context import Context
from .guard import Route, same_origin
from .results import result_of

DRAW = {"prompt": "sks dog on the moon", "seed": 0, "count": 4, "run": "my dog-001", "result": "my dog.safetensors"}


def draw_routes(context: Context) -> APIRouter:
    """The routes under /models/NAME/drawn."""
    router = APIRouter(route_class=Route, tags=["drawing"])

    @router.post("/models/{name}/draw", dependencies=[Depends(same_origin)])
    def draw(name: str, content: dict[str, Any] = Body(..., example=DRAW)) -> dict[str, Any]:
        """Draw `count` pictures of `prompt` from `seed` on, with the file `result` of `run`, or without both."""
        chosen = content.get("result")
        result = result_of(context, context.run(name, str(content.get("run"))), str(chosen)) if chosen else None
        context.runner.start(lambda: draw_job(context.model(name), content, result))
        return {}

    @router.post("/models/{name}/end", dependencies=[Depends(same_origin)])
    def end(name: str) -> dict[str, Any]:
        """End at once what is being drawn for a model; pictures that are finished stay."""
        job = context.runner.current()
        if job is None or job.model != name or job.kind == "train":
            raise UserError(f'Nothing is being drawn for "{name}": there is nothing to end.')
        context.runner.kill()
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
