"""Routes of models: what there is to choose from, creating, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Body, Depends

from ..errors import UserError
from ..settings.read import read_toml, to_dict
from .context import Context
from .form import defaults, form
from .guard import Route, same_origin
from .models import Model, all_models
from .old_concepts import import_concepts
from .training import check


def model_routes(context: Context) -> APIRouter:
    """The routes under /models, and what the page asks for first."""
    router = APIRouter(route_class=Route, tags=["models"])
    change = [Depends(same_origin)]

    @router.get("/start")
    def start() -> dict[str, Any]:
        """The form, the checkpoints, the models, the job that is going on: all that a page needs at first."""
        lesson = context.host.first_lesson() is not None
        faults = context.host.faults()
        return {"host": context.host.name, "faults": faults, "form": form(), "lesson": lesson, **_lists(context)}

    @router.get("/models")
    def models() -> dict[str, Any]:
        """Models, checkpoints, and the job that is going on."""
        return _lists(context)

    @router.post("/models", dependencies=change)
    def create(content: dict[str, Any] = Body(...)) -> dict[str, Any]:
        """Create a model: `name`, and `checkpoint` (a title from the list, or the path of a file)."""
        title = str(content.get("checkpoint", ""))
        path = _checkpoint(context, title)
        name = str(content.get("name", "")).strip()
        settings = _first_settings(context, path, name)
        return _told(Model.create(context.models, name, path.name if title == str(path) else title, settings))

    @router.post("/lesson", dependencies=change)
    def lesson() -> dict[str, Any]:
        """Create a model that can be trained as it is, for a first visitor."""
        file = context.host.first_lesson()
        if file is None:
            raise UserError("There is no first lesson here: create a model from a checkpoint of your own.")
        number, taken = 1, {model.name for model in all_models(context.models)}
        while (name := f"first-lesson-{number}") in taken:
            number += 1
        settings = to_dict(read_toml(file, [f"output.name={name}"]))
        return _told(Model.create(context.models, name, Path(settings["base"]["checkpoint"]).name, settings))

    @router.get("/models/{name}")
    def model(name: str) -> dict[str, Any]:
        """A model: its base, its settings as they stand in the form, and its runs, the latest first."""
        return _told(context.model(name))

    @router.post("/models/{name}/settings", dependencies=change)
    def keep(name: str, content: dict[str, Any] = Body(...)) -> dict[str, Any]:
        """Keep the settings as they stand, faulty or not, and say what is wrong with them and what they amount to."""
        context.model(name).write_settings(content)
        return check(content)

    @router.post("/models/{name}/delete", dependencies=change)
    def delete(name: str) -> dict[str, Any]:
        """Delete a model with its runs. Results in the host's own folders stay."""
        job = context.runner.current()
        if job is not None and job.model == name:
            raise UserError(f'"{name}" is at work: stop it before you delete it.')
        found = context.model(name)
        found.delete()
        context.views.forget(found.folder)
        return _lists(context)

    @router.post("/concepts/import", dependencies=change)
    def concepts(content: Any = Body(...)) -> list[dict[str, Any]]:
        """Our concepts from a concepts list of the older DreamBooth extension."""
        return [{**defaults("concepts"), **concept} for concept in import_concepts(content)]

    return router


def _lists(context: Context) -> dict[str, Any]:
    job = context.runner.current()
    checkpoints = [{"title": c.title, "loaded": c.loaded} for c in context.host.checkpoints()]
    return {
        "models": [model.name for model in all_models(context.models)],
        "checkpoints": checkpoints,
        "job": None if job is None else {"kind": job.kind, "model": job.model, "run": job.run.path.name},
    }


def _told(model: Model) -> dict[str, Any]:
    content = model.read()
    return {"name": model.name, **content, "runs": model.run_names(), "check": check(content["settings"])}


def _checkpoint(context: Context, title: str) -> Path:
    """The file of a title, or of a path that the person typed. Raises UserError if there is none."""
    for checkpoint in context.host.checkpoints():
        if title in (checkpoint.title, str(checkpoint.path)):
            return checkpoint.path
    path = Path(title).expanduser()
    if not title or not path.is_file() or path.suffix.lower() not in (".safetensors", ".ckpt"):
        raise UserError(f'"{title}" is no checkpoint: choose one of the list, or give the path of a .safetensors file.')
    return path.resolve()


def _first_settings(context: Context, checkpoint: Path, name: str) -> dict[str, Any]:
    """What the form shows of a new model; for the lesson's own checkpoint what fits that, without its concepts."""
    lesson = context.host.first_lesson()
    if lesson is not None:
        settings = to_dict(read_toml(lesson, [f"output.name={name}"]))
        if Path(settings["base"]["checkpoint"]).name == checkpoint.name:
            settings["base"]["checkpoint"] = str(checkpoint)
            settings["samples"]["prompts"] = []
            return {**settings, "concepts": [defaults("concepts")]}
    own = {"base": {"checkpoint": str(checkpoint)}, "output": {"name": name}}
    return {**own, "concepts": [defaults("concepts")]}
