"""Routes of what training makes of the images: what had better be left out, what is cut off, the buckets."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from ..projects.bucket_table import bucket_table
from ..projects.checks import checks_of_concept, preview_of
from ..projects.host_folders import with_caches
from ..projects.project import Project
from .context import Context
from .grid_routes import A_WEEK, jpeg
from .guard import Route
from .parameters import CONTEXT, PROJECT

router = APIRouter(route_class=Route, tags=["concepts"])


@router.get("/projects/{name}/buckets")
def buckets(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """The buckets that the images of all concepts are trained in, and warnings about them."""
    return bucket_table(with_caches(context.host, project.settings()))


@router.get("/projects/{name}/concepts/{number}/checks")
def checks(number: int, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Images of a concept that look alike, are blurred or too small; ask again until `checked` is `total`.

    An answer takes a second at most, in which it reads as many images as it can.
    """
    return checks_of_concept(with_caches(context.host, project.settings()), number)


@router.get("/projects/{name}/concepts/{number}/preview")
def preview(number: int, image: str, side: int = 1024, state: str = "", project: Project = PROJECT) -> Response:
    """An image with what is cut off darkened and what its mask leaves out red; its longer side has `side` pixels.

    state: whatever stands for the file and settings that it was asked for, where the browser may keep it.
    """
    return jpeg(preview_of(project.settings(), number, image, side), A_WEEK if state else 0)
