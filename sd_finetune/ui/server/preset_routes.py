"""Routes of presets: the list, a preview of one, using it, and a person's own: saving, deleting, files to share."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from ...presets.shelf import add_preset, all_presets, delete_preset, find_preset, save_preset
from ..projects.presets import (
    describe_preset,
    preset_of_project,
    presets_folder,
    preview,
    readable_preset,
    with_preset,
)
from ..projects.project import Project
from .body import CONTENT, flag_in, takes, text_in
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

SAVED = {"name": "my dogs", "description": "For dogs in the snow", "with_all": False, "instead": False}
THEIR_FILE = {"file": "theirs.toml", "text": '[preset]\nname = "theirs"\nmethod = "lora"\n\n[lora]\nrank = 8\n'}

router = APIRouter(route_class=Route, tags=["presets"])


@router.get("/presets")
def presets(context: Context = CONTEXT) -> list[dict[str, Any]]:
    """All presets: `key`, what names it in addresses; `name`, `method`, `description`; what is `expected` of it.

    `own`: whether it is a person's own; `fault`: why it cannot be read.
    """
    return [describe_preset(kept) for kept in all_presets(presets_folder(context.host))]


@router.get("/presets/{key}/file")
def file(key: str, context: Context = CONTEXT) -> FileResponse:
    """The file of a preset, to share it."""
    kept = find_preset(key, presets_folder(context.host))
    return FileResponse(kept.path, filename=kept.path.name, media_type="application/octet-stream")


@router.post("/presets/{key}/delete", dependencies=CHANGE)
def delete(key: str, context: Context = CONTEXT) -> dict[str, Any]:
    """Delete a person's own preset."""
    with context.saving:
        delete_preset(key, presets_folder(context.host))
    return {}


@router.post("/presets/import", dependencies=CHANGE, openapi_extra=takes(THEIR_FILE))
def add(content: dict[str, Any] = CONTENT, context: Context = CONTEXT) -> dict[str, Any]:
    """Keep the `text` of somebody's `file` as a person's own preset; where its name is taken it gets a number."""
    text, name = text_in(content, "text"), text_in(content, "file")
    with context.saving:
        return describe_preset(add_preset(text, name, presets_folder(context.host)))


@router.get("/projects/{name}/presets/{key}")
def look(key: str, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """What a preset would change in a project: `changes`, by name what `was` there and what it would be `now`.

    `vram`: bytes that training would need by estimate, null where that is not known.
    """
    preset = readable_preset(find_preset(key, presets_folder(context.host)))
    return preview(context.host, preset, project.settings())


@router.post("/projects/{name}/presets/{key}/use", dependencies=CHANGE)
def use(key: str, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Put a preset's settings into a project; answers what /projects/{name}/presets/{key} told before."""
    preset = readable_preset(find_preset(key, presets_folder(context.host)))
    with context.saving:
        before = project.settings()
        project.replace_settings(with_preset(context.host, preset, before))
    return preview(context.host, preset, before)


@router.post("/projects/{name}/presets", dependencies=CHANGE, openapi_extra=takes(SAVED))
def save(content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Save a project's settings as a preset of a person's own: `name`, `description`.

    `with_all`: also how training is watched, saved and fitted to a machine; `instead`: of the one of that name.
    """
    name, description = text_in(content, "name").strip(), text_in(content, "description").strip()
    preset = preset_of_project(name, description, project.settings(), flag_in(content, "with_all"))
    with context.saving:
        return describe_preset(save_preset(preset, presets_folder(context.host), flag_in(content, "instead")))
