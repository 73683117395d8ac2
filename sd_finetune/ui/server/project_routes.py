"""Routes of models: what there is to choose from, creating, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Body, Depends

from ...errors import UserError
from ...settings.options import SAMPLERS
from ...settings.read import find_faults, read_toml, to_dict
from ..advice.fit_to_gpu import fit
from ..advice.gpu import find_gpu
from ..advice.method_defaults import suited
from ..jobs.runner import Job
from ..jobs.training import check
from ..projects.continuing import SNAPSHOT, model_from, origins
from ..projects.dreambooth_extension import import_concepts
from ..projects.form import defaults, form
from ..projects.project import Model, all_models
from .context import Context
from .guard import Route, same_origin
from .results import result_of

# Examples for the documentation of the routes.
NEW_MODEL = {"name": "my dog", "checkpoint": "v1-5-pruned-emaonly.safetensors", "sampler": "ddim"}
SETTINGS = {
    "method": "lora",
    "base": {"checkpoint": "/models/v1-5-pruned-emaonly.safetensors"},
    "train": {"length": "100 epochs"},
    "concepts": [{"folder": "/pictures/dog", "instance_prompt": "a photo of sks dog", "class_prompt": "a dog"}],
}
OLD_CONCEPTS = [{"instance_data_dir": "/pictures/dog", "instance_prompt": "sks dog", "class_prompt": "dog"}]


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
    def create(content: dict[str, Any] = Body(..., example=NEW_MODEL)) -> dict[str, Any]:
        """Create a model: `name`, and `checkpoint` (a title from the list, or the path of a file).

        `sampler` is the noise scheduler that class pictures and samples are drawn with. In place of a checkpoint,
        `continue_from` with the `model`, `run` and `what` of one entry of /origins goes on from that.
        """
        name = str(content.get("name", "")).strip()
        if content.get("continue_from"):
            return _told(context, _continued(context, name, content["continue_from"]))
        title = str(content.get("checkpoint", ""))
        path = _checkpoint(context, title)
        settings = _first_settings(context, path, name)
        for group in ("samples", "class_images"):
            settings[group] = {**settings.get(group, {}), **_sampler(content)}
        return _told(context, Model.create(context.models, name, path.name if title == str(path) else title, settings))

    @router.get("/origins")
    def earlier() -> list[dict[str, Any]]:
        """What a new model can go on from: snapshots and results of all runs."""
        return origins(context.models, context.views)

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
        return _told(context, Model.create(context.models, name, Path(settings["base"]["checkpoint"]).name, settings))

    @router.get("/models/{name}")
    def model(name: str) -> dict[str, Any]:
        """A model: its base, its settings as they stand in the form, and its runs, the latest first."""
        return _told(context, context.model(name))

    @router.post("/models/{name}/settings", dependencies=change)
    def keep(name: str, content: dict[str, Any] = Body(..., example=SETTINGS)) -> dict[str, Any]:
        """Keep the settings as they stand, faulty or not, and say what is wrong with them and what they amount to."""
        model = context.model(name)
        model.write_settings(content)
        return check(content, context.models, model.read().get("origin"))

    @router.post("/models/{name}/fit", dependencies=change)
    def fit_to_gpu(name: str) -> dict[str, Any]:
        """Change the settings so that training fits into this machine's GPU; `changes`, and a `sentence` on them."""
        model = context.model(name)
        settings = model.settings()
        faults = find_faults(settings)
        if faults:
            raise UserError("\n".join(["Mend this first, then fit again:", *faults.values()]))
        found = fit(settings, find_gpu())
        for option, value in found.changes.items():
            group, _, own = option.partition(".")
            settings.setdefault(group, {})[own] = value
        model.write_settings(settings)
        return {"changes": found.changes, "sentence": found.sentence}

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
    def concepts(content: Any = Body(..., example=OLD_CONCEPTS)) -> list[dict[str, Any]]:
        """Our concepts from a concepts list of the older DreamBooth extension."""
        return [{**defaults("concepts"), **concept} for concept in import_concepts(content)]

    return router


def _lists(context: Context) -> dict[str, Any]:
    job = context.runner.current()
    checkpoints = [{"title": c.title, "loaded": c.loaded} for c in context.host.checkpoints()]
    return {
        "models": [model.name for model in all_models(context.models)],
        "checkpoints": checkpoints,
        "job": None if job is None else _told_job(context, job),
    }


def _told_job(context: Context, job: Job) -> dict[str, Any]:
    """`done` and `total` are those of its phase, for what is drawn."""
    told = {"kind": job.kind, "model": job.model, "run": job.run.path.name}
    phase = None if job.kind == "train" else context.views.of(job.run).phase()
    return {**told, "phase": phase and {name: phase[name] for name in ("name", "done", "total")}}


def _told(context: Context, model: Model) -> dict[str, Any]:
    content = model.read()
    told = check(content["settings"], context.models, content.get("origin"))
    suits = suited(Path(str(content["settings"].get("base", {}).get("checkpoint", ""))), context.host.first_lesson())
    return {"name": model.name, **content, "runs": model.run_names(), "check": told, "suited": suits}


def _continued(context: Context, name: str, origin: dict[str, Any]) -> Model:
    source = context.model(str(origin.get("model")))
    run = context.run(source.name, str(origin.get("run")))
    result = None if origin.get("what") == SNAPSHOT else result_of(context, run, str(origin.get("what")))
    return model_from(context.host, source, run, result, context.models, name)


def _sampler(content: dict[str, Any]) -> dict[str, str]:
    """Raises UserError: there is no such sampler."""
    sampler = content.get("sampler")
    if sampler and sampler not in SAMPLERS:
        raise UserError(f"{sampler!r} is no noise scheduler: choose one of {', '.join(SAMPLERS)}.")
    return {"sampler": sampler} if sampler else {}


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
