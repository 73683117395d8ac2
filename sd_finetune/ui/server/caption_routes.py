"""Routes of Caption all: what can caption images here, and the captioning of a concept."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ...errors import UserError
from ..jobs.captions import captioners, captions_job
from ..projects.captionings import last_captioning, undo_captioning
from ..projects.project import Project
from .body import CONTENT, takes, text_in
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

REQUEST = {"by": "deepbooru", "existing": "keep"}

router = APIRouter(route_class=Route, tags=["concepts"])


@router.get("/captioners")
def list_captioners(context: Context = CONTEXT) -> list[dict[str, Any]]:
    """What can caption images: `name`, `title`, and `missing`, why it cannot be used now, or empty."""
    return captioners(context.host)


@router.post("/projects/{name}/concepts/{number}/captions/make", dependencies=CHANGE, openapi_extra=takes(REQUEST))
def make(
    number: int, content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Start to caption the images of a concept, counted from 1, with the captioner `by`; answers at once.

    `existing` says what becomes of captions that are there: keep, replace, before, after.
    """
    by, existing = text_in(content, "by"), text_in(content, "existing", "keep")
    context.runner.start(lambda: captions_job(context.host, project, number, by, existing))
    return {}


@router.get("/projects/{name}/captions")
def last(project: Project = PROJECT) -> dict[str, Any]:
    """Of the last captioning: `problems`, sentences about images, and how many captions can be taken back."""
    return last_captioning(project)


@router.post("/projects/{name}/captions/undo", dependencies=CHANGE)
def undo(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Take back the captions that the last captioning has written, but for those that were changed since."""
    job = context.runner.current()
    if job is not None and job.project == project.name and job.kind == "captions":
        raise UserError(f'"{project.name}" is captioning images: wait until it ends, or stop it.')
    return {"sentence": undo_captioning(project)}
