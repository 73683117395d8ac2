"""Routes of a concept's pictures: what is there, thumbnails, captions, uploads; class pictures too."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response

from ...errors import UserError
from ...settings.options import Data
from ...settings.read import find_faults
from ..jobs.class_images import delete_class_picture, drawn_folders
from ..projects.images import describe_pictures, keep_upload, thumbnail, write_caption
from .context import Context
from .guard import Route, same_origin

MOST_UPLOAD_BYTES = 100 * 1024 * 1024
CAPTION = {"picture": "1.png", "text": "a photo of sks dog in the snow"}


def concept_routes(context: Context) -> APIRouter:
    """The routes under /models/NAME/concepts. Folders are those that stand in the model's settings, no others."""
    router = APIRouter(route_class=Route, tags=["concepts"])
    change = [Depends(same_origin)]

    @router.get("/models/{name}/concepts/{number}")
    def pictures(name: str, number: int) -> dict[str, Any]:
        """The instance pictures of a concept, counted from 1: name, caption, prompt, size; what is cut off of each."""
        concept = _concept(context, name, number)
        resolution = _resolution(context.model(name).settings())
        return describe_pictures(concept["folder"], str(concept.get("instance_prompt", "")), resolution)

    @router.get("/models/{name}/concepts/{number}/thumbnail")
    def small(name: str, number: int, picture: str) -> Response:
        """One of them, small."""
        return _jpeg(thumbnail(_concept(context, name, number)["folder"], picture))

    @router.post("/models/{name}/concepts/{number}/caption", dependencies=change)
    def caption(name: str, number: int, content: dict[str, Any] = Body(..., example=CAPTION)) -> dict[str, Any]:
        """Write the caption `text` of `picture`; an empty text takes it away."""
        concept = _concept(context, name, number)
        write_caption(concept["folder"], str(content.get("picture")), str(content.get("text", "")))
        return {}

    @router.post("/models/{name}/concepts/{number}/upload", dependencies=change)
    async def upload(name: str, number: int, file: str, request: Request) -> dict[str, Any]:
        """Keep a picture, the request's body, named `file`, in the model's own folder; answers with that folder."""
        folder = context.model(name).uploads / f"concept-{number}"
        if int(request.headers.get("content-length", 0)) > MOST_UPLOAD_BYTES:
            raise UserError(f"{file} is too large: a picture may have {MOST_UPLOAD_BYTES // 2**20} MB.")
        return {"folder": str(folder), "name": keep_upload(folder, file, await request.body()).name}

    @router.get("/models/{name}/class-pictures")
    def class_pictures(name: str) -> list[dict[str, Any]]:
        """The drawn class pictures of each prompt: folder's key, prompt, names."""
        return drawn_folders(context.host, context.model(name))

    @router.get("/models/{name}/class-pictures/{key}/{picture}")
    def class_picture(name: str, key: str, picture: str) -> Response:
        """One of them, small."""
        return _jpeg(thumbnail(_class_folder(context, name, key), picture))

    @router.post("/models/{name}/class-pictures/{key}/{picture}/delete", dependencies=change)
    def delete(name: str, key: str, picture: str) -> dict[str, Any]:
        """Delete one; the next run or the button draws another in its place only with another seed."""
        delete_class_picture(_class_folder(context, name, key), picture)
        return {}

    return router


def _concept(context: Context, name: str, number: int) -> dict[str, Any]:
    concepts = context.model(name).settings().get("concepts", [])
    if not 1 <= number <= len(concepts) or not concepts[number - 1].get("folder"):
        raise UserError(f"Concept {number} has no folder yet: give one, or drop pictures.")
    return concepts[number - 1]


def _resolution(settings: dict[str, Any]) -> int:
    """The one that stands in the form, or the default while that cannot be used."""
    usable = {} if "data.resolution" in find_faults(settings) else settings.get("data", {})
    return usable.get("resolution", Data().resolution)


def _class_folder(context: Context, name: str, key: str) -> str:
    for folder in drawn_folders(context.host, context.model(name)):
        if folder["key"] == key:
            return folder["folder"]
    raise UserError(f"There are no class pictures {key}: read the list again.")


def _jpeg(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "max-age=60"})
