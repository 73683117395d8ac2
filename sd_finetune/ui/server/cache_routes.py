"""Routes of the image cache: how much is in it, and emptying it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from ...data.image_cache import amount_in, remove_unused
from ..projects.host_folders import image_cache
from ..projects.project import Project
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

router = APIRouter(route_class=Route, tags=["projects"])


@router.get("/projects/{name}/image-cache")
def show(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """The `folder` in which latents and notes about images are kept, how many `files` there are, their `size`."""
    return _described(_folder(project, context))


@router.post("/projects/{name}/image-cache/empty", dependencies=CHANGE)
def empty(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Remove what is in it, which the next run makes again; answers what is left."""
    folder = _folder(project, context)
    remove_unused(folder, days=0)
    return _described(folder)


def _folder(project: Project, context: Context) -> Path:
    return image_cache(context.host, project.settings())


def _described(folder: Path) -> dict[str, Any]:
    found = amount_in(folder)
    return {"folder": str(folder), "files": found.files, "size": found.size}
