"""Routes of generating with what a run has made."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from ...errors import UserError
from ..jobs.generate import generate_job, generated, generated_image
from ..live.results import result_of
from ..projects.project import Project
from .body import CONTENT, takes, text_in
from .context import Context
from .guard import CHANGE, Route, image_file
from .parameters import CONTEXT, PROJECT

REQUEST = {"prompt": "sks dog on the moon", "seed": 0, "count": 4, "run": "my dog-001", "result": "my dog.safetensors"}

router = APIRouter(route_class=Route, tags=["images"])


@router.post("/projects/{name}/generate", dependencies=CHANGE, openapi_extra=takes(REQUEST))
def generate(
    content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Generate `count` images of `prompt` from `seed` on, with the file `result` of `run`, or without both."""
    name, result = text_in(content, "result"), None
    if name:
        result = result_of(context.views, context.run(project.name, text_in(content, "run")), name)
    context.runner.start(lambda: generate_job(project, content, result))
    return {}


@router.post("/projects/{name}/end", dependencies=CHANGE)
def end(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """End at once what generates or captions images or tries learning rates for a project; what is finished stays."""
    job = context.runner.current()
    if job is None or job.project != project.name or job.kind == "train":
        raise UserError(
            f'Nothing is being generated, captioned or tried for "{project.name}", so there is nothing to end.'
        )
    context.runner.kill()
    return {}


@router.get("/projects/{name}/generated")
def images(project: Project = PROJECT) -> list[dict[str, Any]]:
    """What was generated, the latest first."""
    return generated(project)


@router.get("/projects/{name}/generated/{key}/{image}")
def image(key: str, image: str, project: Project = PROJECT) -> FileResponse:
    """One of the images."""
    return image_file(generated_image(project, key, image))
