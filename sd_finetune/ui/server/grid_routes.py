"""Routes of the grid of a concept's images: the list with captions, thumbnails, and captions that are written."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from ...checks.concept_images import (
    captions_of_concept,
    folder_as_read,
    folder_of_concept,
    images_of_concept,
)
from ...settings.plain import concepts
from ...settings.read import as_far_as_valid
from ..projects.caption_changes import change_captions
from ..projects.host_folders import with_caches
from ..projects.image_list import list_images
from ..projects.project import Project
from ..projects.thumbnails import thumbnail
from .body import CONTENT, takes, text_in
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

CAPTIONS = {
    "changes": {"1.png": {"was": "a photo of sks dog", "now": "a photo of sks dog in the snow"}},
    "folder": "/images/dog",
}
A_WEEK = 7 * 24 * 3600

router = APIRouter(route_class=Route, tags=["concepts"])


@router.get("/projects/{name}/concepts/{number}/images")
def images(number: int, project: Project = PROJECT, context: Context = CONTEXT) -> list[dict[str, Any]]:
    """The images of a concept, excluded ones too: name, caption, prompt, size, what is trained, state of the file."""
    settings = with_caches(context.host, project.settings())
    folder, found = folder_of_concept(settings, number), images_of_concept(settings, number, seconds=0)
    prompt = str(concepts(settings)[number - 1].get("instance_prompt", ""))
    data = as_far_as_valid(settings).data
    return list_images(found, folder, prompt, captions_of_concept(settings, number), data)


@router.get("/projects/{name}/concepts/{number}/thumbnail")
def small_image(number: int, image: str, state: str = "", project: Project = PROJECT) -> Response:
    """One of them, small; where its `state` is named, the browser may keep it."""
    return jpeg(thumbnail(folder_of_concept(project.settings(), number), image), A_WEEK if state else 60)


@router.post("/projects/{name}/concepts/{number}/captions", dependencies=CHANGE, openapi_extra=takes(CAPTIONS))
def change(
    number: int, content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Write captions: `changes`, by the image's name what `was` read and what it is `now`, an empty text for none.

    One that another has written since it was read stays: it is in `theirs` of the answer. `faults` are the others that
    were not written, and why. Nothing is where the concept has another folder by now than `folder`, if that is given.
    """
    settings = project.settings()
    folder = folder_as_read(settings, number, text_in(content, "folder"))
    captions = captions_of_concept(settings, number)
    with context.saving:
        return {**change_captions(folder, content.get("changes"), captions)}


def jpeg(content: bytes, seconds: int = 60) -> Response:
    """An image that the browser keeps for so long."""
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": f"private, max-age={seconds}"})
