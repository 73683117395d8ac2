"""Routes of a concept's images as a whole: what is there, uploads; class images too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from ...checks.concept_images import folder_as_read, folder_of_concept, images_of_concept
from ...errors import UserError
from ...settings.keepable import MOST_ENTRIES
from ...settings.read import as_far_as_valid
from ..projects.class_images import class_image_folder, class_image_folders, delete_class_image
from ..projects.host_folders import with_caches
from ..projects.images import describe_images
from ..projects.project import Project
from ..projects.thumbnails import thumbnail
from ..projects.uploads import is_caption, is_upload, keep_upload, remove_upload, upload_folder, upload_name
from .body import CONTENT, read_body, takes, text_in
from .context import Context
from .grid_routes import jpeg
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

MOST_UPLOAD_MB, MOST_CAPTION_MB = 100, 1
IMAGE = {"image": "1.png", "folder": "/images/dog"}

router = APIRouter(route_class=Route, tags=["concepts"])


@router.get("/projects/{name}/concepts/{number}")
def images(number: int, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """The training images of a concept, counted from 1: how many, their sizes, what is cut off, and what is skipped.

    `uploads`: whether they are the project's own, which can be removed.
    """
    settings = with_caches(context.host, project.settings())
    folder, found = folder_of_concept(settings, number), images_of_concept(settings, number)
    own = is_upload(project.uploads, folder)
    return {**describe_images(found, as_far_as_valid(settings).data), "uploads": own}


@router.post("/projects/{name}/concepts/{number}/remove", dependencies=CHANGE, openapi_extra=takes(IMAGE))
def remove(number: int, content: dict[str, Any] = CONTENT, project: Project = PROJECT) -> dict[str, Any]:
    """Remove an `image` that was uploaded, with its caption. `folder`, if given: as in /captions."""
    folder = folder_as_read(project.settings(), number, text_in(content, "folder"))
    remove_upload(project.uploads, folder, text_in(content, "image"))
    return {}


@router.post("/projects/{name}/concepts/{number}/upload", dependencies=CHANGE)
async def upload(
    number: int, file: str, request: Request, folder: str = "", project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Keep an image or a caption, the request's body, named `file`, in a folder of the project's own, which is told.

    `folder`: that of what was uploaded before with it.
    """
    if not 1 <= number <= MOST_ENTRIES:
        raise UserError(f"Concept {number} is out of range: use a whole number from 1 to {MOST_ENTRIES}.")
    name = upload_name(file)
    most_mb = MOST_CAPTION_MB if is_caption(name) else MOST_UPLOAD_MB
    too_large = f"{name} has more than {most_mb} MB, the limit of such an upload: copy it into the folder yourself."
    content = await read_body(request, most_mb, too_large)

    def keep() -> Path:
        with context.saving:  # of two of the same name the second gets a number
            return keep_upload(upload_folder(project.uploads, project.settings(), number, folder), name, content)

    kept = await run_in_threadpool(keep)
    return {"folder": str(kept.parent), "name": kept.name}


@router.get("/projects/{name}/class-images")
def class_images(project: Project = PROJECT, context: Context = CONTEXT) -> list[dict[str, Any]]:
    """The generated class images of each prompt: folder's key, prompt, names."""
    return class_image_folders(context.host, project)


@router.get("/projects/{name}/class-images/{key}/{image}")
def small_class_image(key: str, image: str, project: Project = PROJECT, context: Context = CONTEXT) -> Response:
    """One of them, small."""
    return jpeg(thumbnail(class_image_folder(context.host, project, key), image, "class"))


@router.post("/projects/{name}/class-images/{key}/{image}/delete", dependencies=CHANGE)
def delete(key: str, image: str, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Delete one; the next run or the button generates it again, and another one only with another seed."""
    delete_class_image(class_image_folder(context.host, project, key), image)
    return {}
