"""Routes of projects: what there is to choose from, creating, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from ... import __version__
from ...data.importing.concepts_list import import_concepts
from ...data.importing.import_any import import_any
from ...errors import UserError
from ...formats.known_base import family_of
from ...hosts.host import BaseCheckpoint
from ...presets.shelf import revision_of
from ...runs.folder import RunFolder
from ...runs.snapshots import snapshot_step
from ...runs.worker_process import process_at
from ...settings.methods import METHODS
from ...settings.plain import concepts as own_concepts
from ...settings.plain import text, with_values
from ...settings.read import find_faults
from ..advice.fit_to_gpu import fit, with_concepts_filled_in
from ..advice.gpu import another_gpu, another_gpus, find_gpu
from ..advice.method_defaults import method_defaults
from ..jobs.job import DOING, Job
from ..live.interrupted import is_interrupted
from ..live.results import result_of
from ..projects.base import base_fault, change_base
from ..projects.changes import change_settings
from ..projects.check import report
from ..projects.continuing import SNAPSHOT, continuation_sources, project_from_run
from ..projects.creating import delete_project, example_project, project_from_checkpoint
from ..projects.form import defaults, form
from ..projects.host_folders import has_words_beside, with_caches
from ..projects.other_words import embeddings_of_others
from ..projects.presets import presets_folder
from ..projects.project import Project, all_projects
from ..projects.usable_here import unusable_methods
from ..projects.wording import in_the_tab
from .body import ANY_CONTENT, CONTENT, takes, text_in
from .context import Context
from .guard import CHANGE, Route
from .parameters import CONTEXT, PROJECT

# Examples for the documentation of the routes.
NEW_PROJECT = {"name": "my dog", "checkpoint": "v1-5-pruned-emaonly.safetensors", "sampler": "ddim"}
SETTINGS = {
    "method": "lora",
    "base": {"checkpoint": "/models/v1-5-pruned-emaonly.safetensors"},
    "train": {"length": "100 epochs"},
    "concepts": [{"folder": "/images/dog", "instance_prompt": "a photo of sks dog", "class_prompt": "a dog"}],
}
CHANGES = {"changes": {"train.length": {"was": "100 epochs", "now": "800 steps"}}}
ANOTHER_GPU = {"gpu": "6gb"}
NEW_BASE = {"checkpoint": "v1-5-pruned-emaonly.safetensors"}
THEIR_CONCEPTS = [{"instance_data_dir": "/images/dog", "instance_prompt": "sks dog", "class_prompt": "dog"}]
THEIR_FOLDER = {"path": "/images/kohya"}

router = APIRouter(route_class=Route, tags=["projects"])


@router.get("/start")
def start(context: Context = CONTEXT) -> dict[str, Any]:
    """The form, the checkpoints, the projects, the job that is going on: all that a page needs at first."""
    host = context.host
    facts = {"host": host.name, "version": __version__, "faults": host.faults(), "gpus": another_gpus()}
    return {
        **facts,
        "example": host.example_settings() is not None,
        "example_note": host.example_note(),
        "form": form(unusable_methods(host)),
        **_lists(context),
    }


@router.get("/projects")
def lists(context: Context = CONTEXT) -> dict[str, Any]:
    """Projects, checkpoints, the job that is going on, and the one that `ended` last."""
    return _lists(context)


@router.post("/projects", dependencies=CHANGE, openapi_extra=takes(NEW_PROJECT))
def create(content: dict[str, Any] = CONTENT, context: Context = CONTEXT) -> dict[str, Any]:
    """Create a project: `name`, and `checkpoint` (a title from the list, or the path of a file; null: the loaded one).

    `sampler` generates class images and samples. In place of a checkpoint, `continue_from` with the `project`, `run`
    and `what` of one entry of /continuation-sources continues from that.
    """
    name, source = text_in(content, "name").strip(), content.get("continue_from")
    if source:
        return _described(context, _continued(context, name, source))
    checkpoint, sampler = _chosen(content), text_in(content, "sampler")
    return _described(context, project_from_checkpoint(context.host, name, checkpoint, sampler))


@router.post("/bases/check", dependencies=CHANGE, openapi_extra=takes(NEW_BASE))
def check_base(content: dict[str, Any] = CONTENT, context: Context = CONTEXT) -> dict[str, Any]:
    """Whether a `checkpoint`, as for a new project, can be trained from: its `title`, and the `fault`, "" if it can."""
    title, fault = base_fault(context.host, _chosen(content))
    return {"title": title, "fault": fault}


@router.get("/continuation-sources")
def sources(context: Context = CONTEXT) -> list[dict[str, Any]]:
    """What a new project can continue from: snapshots and results of all runs."""
    return continuation_sources(context.projects, context.views)


@router.post("/example", dependencies=CHANGE)
def example(context: Context = CONTEXT) -> dict[str, Any]:
    """Create a project that can be trained as it is, for a first visitor."""
    return _described(context, example_project(context.host))


@router.get("/projects/{name}")
def read(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """A project: its base checkpoint, its settings as they stand in the form, and its runs, the latest first.

    `source` is the snapshot that it continues from, `method_defaults` what suits its checkpoint, by method.
    """
    return _described(context, project)


@router.post("/projects/{name}/settings", dependencies=CHANGE, openapi_extra=takes(SETTINGS))
def keep_settings(
    content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Keep the settings as they stand, faulty or not, and say what is wrong with them and what they amount to."""
    with context.saving:
        project.write_settings(content)
    return _report(context, project, project.settings(), project.origin())


@router.post("/projects/{name}/changes", dependencies=CHANGE, openapi_extra=takes(CHANGES))
def change(content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Change settings beside other pages that do so: `changes`, by name what `was` read and what stands there `now`.

    Where another one has changed the same value since, theirs stands: it is in `theirs` of the answer, by name. The
    whole project as it is then is in `project`.
    """
    with context.saving:
        theirs = change_settings(project, content.get("changes"))
    return {"theirs": theirs, "project": _described(context, project)}


@router.post("/projects/{name}/base", dependencies=CHANGE, openapi_extra=takes(NEW_BASE))
def base(content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Let the project start from another `checkpoint`: a title of the list, the path of a file, or null: the loaded."""
    with context.saving:
        change_base(context.host, project, _chosen(content))
    return _described(context, project)


@router.post("/projects/{name}/fit", dependencies=CHANGE, openapi_extra=takes(ANOTHER_GPU))
def fit_to_gpu(
    content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Change the settings so that training fits into the VRAM of this machine's GPU; `changes`, and a `sentence`.

    `gpu` is that of another one: "6gb", or "6gb-fp16" for one without bf16.
    """
    settings, another = with_concepts_filled_in(project.settings()), another_gpu(text_in(content, "gpu"))
    faults = find_faults(settings)
    if faults:
        raise UserError("\n".join(["Fix these settings before fitting them to the GPU:", *faults.values()]))
    found = fit(settings, another or find_gpu())
    with context.saving:
        project.replace_settings(with_values(project.settings(), found.changes))
    return {"changes": found.changes, "sentence": in_the_tab(found.sentence, "settings")}


@router.post("/projects/{name}/delete", dependencies=CHANGE)
def delete(name: str, context: Context = CONTEXT) -> dict[str, Any]:
    """Delete a project with its runs, unless a process works on one. Results in the host's own folders stay."""
    job = context.runner.current()
    if job is not None and job.project == name:
        raise UserError(f'"{name}" is {DOING[job.kind]}: stop it before you delete the project.')
    project = context.existing_project(name)
    try:
        with context.saving:
            delete_project(context.host, project)
    finally:  # also where something of its folder is left
        context.views.forget(project.folder)
        context.lists.clear()
    return _lists(context)


@router.post("/concepts/import", dependencies=CHANGE, openapi_extra=takes(THEIR_CONCEPTS))
def concepts(content: Any = ANY_CONTENT) -> dict[str, Any]:
    """Our `concepts` from a concepts list of the DreamBooth extension (sd_dreambooth_extension).

    `notes` say what is otherwise there.
    """
    imported = import_concepts(content)
    return {
        "concepts": [{**defaults("concepts"), **concept} for concept in imported.concepts],
        "notes": [in_the_tab(note, "concepts") for note in imported.notes],
    }


@router.post("/projects/{name}/import", dependencies=CHANGE, openapi_extra=takes(THEIR_FOLDER))
def import_data(
    content: dict[str, Any] = CONTENT, project: Project = PROJECT, context: Context = CONTEXT
) -> dict[str, Any]:
    """Add the concepts and settings of what lies at `path`, made for another trainer; `notes` on what was left out.

    A concept without a folder, as a new project has one, is replaced.
    """
    imported = import_any(text_in(content, "path"))
    added = [{**defaults("concepts"), **concept} for concept in imported.concepts]
    with context.saving:
        settings = project.settings()
        own = [concept for concept in own_concepts(settings) if concept.get("folder")]
        project.replace_settings(with_values({**settings, "concepts": [*own, *added]}, imported.settings))
    return {"concepts": len(added), "notes": [in_the_tab(note, "concepts") for note in imported.notes]}


def _chosen(content: dict[str, Any]) -> str | None:
    """None where `checkpoint` is null, which is the one that the host has loaded."""
    return None if content.get("checkpoint", "") is None else text_in(content, "checkpoint")


def _lists(context: Context) -> dict[str, Any]:
    """`wait` is how many seconds to wait until asking again, which grows with the number of those who ask."""
    job, ended, wait = context.runner.current(), context.runner.ended(), context.rhythms[0].wait()
    lists = context.lists.of((job, ended, wait), lambda: {**_new_lists(context, job, ended), "wait": wait})
    return {**lists, "installing": context.installer.state()}


def _new_lists(context: Context, job: Job | None, ended: Job | None) -> dict[str, Any]:
    projects = all_projects(context.projects)
    return {
        "projects": [project.name for project in projects],
        "revisions": {project.name: project.revision() for project in projects},
        "checkpoints": [_described_checkpoint(each) for each in context.host.checkpoints()],
        "lists": context.host.lists_version(),
        "presets": revision_of(presets_folder(context.host)),
        "job": None if job is None else _described_job(context, job),
        "ended": None if ended is None else _described_end(context, ended),
    }


def _described_checkpoint(base: BaseCheckpoint) -> dict[str, Any]:
    """`family`: of the loaded one alone, as it stands in its file."""
    family = family_of(base.path) if base.loaded else ""
    return {"title": base.title, "loaded": base.loaded, "family": family}


def _described_job(context: Context, job: Job) -> dict[str, Any]:
    """`phase`: what it is at, with its name, `done` and `total`."""
    phase = context.views.of(job.run).phase()
    shown = phase and {name: phase[name] for name in ("name", "done", "total")}
    return {**_named_job(job), "phase": shown}


def _described_end(context: Context, job: Job) -> dict[str, Any]:
    """`error`: why the job failed, or empty; `reason`: what is to be said where it did not."""
    end = context.views.of(job.run).end()
    return {**_named_job(job), "error": str(end.get("message", "")), "reason": str(end.get("reason", ""))}


def _named_job(job: Job) -> dict[str, Any]:
    return {"kind": job.kind, "project": job.project, "run": job.run.path.name}


def _described(context: Context, project: Project) -> dict[str, Any]:
    revision = project.revision()  # asked first: what is changed meanwhile is of a later one
    content = project.read()
    settings, source, runs = content["settings"], content["origin"], project.run_names()
    return {
        "name": project.name,
        "revision": revision,
        "created": content["created"],
        "base": content["base"],
        "settings": settings,
        "source": source,
        "runs": runs,
        "interrupted": _interrupted(context, project, runs),
        "check": _report(context, project, settings, source),
        "method_defaults": method_defaults(Path(text(settings, "base.checkpoint")), context.host.example_settings()),
    }


def _report(
    context: Context, project: Project, settings: dict[str, Any], source: dict[str, Any] | None
) -> dict[str, Any]:
    method = text(settings, "method")
    facts = METHODS.get(method)
    learns_word = (facts is not None and facts.learns_word) or has_words_beside(settings)
    others = embeddings_of_others(context.host, project, context.views) if learns_word else {}
    told = report(with_caches(context.host, settings), context.projects, source, others)
    unusable = unusable_methods(context.host).get(method)
    return {**told, "faults": {"method": unusable, **told["faults"]}} if unusable else told


def _interrupted(context: Context, project: Project, runs: list[str]) -> dict[str, Any] | None:
    """The latest run where it ended unasked and can be resumed: its name, and the `step` of its snapshot.

    One that another process has in its hands has not ended, whatever stands in its folder.
    """
    run = RunFolder(project.runs / runs[0]) if runs else None
    if run is None or context.is_active(run) or process_at(run) is not None or not is_interrupted(run):
        return None
    return {"run": run.path.name, "step": snapshot_step(run)}


def _continued(context: Context, name: str, source: Any) -> Project:
    earlier = context.project(text_in(source, "project"))
    run = context.run(earlier.name, text_in(source, "run"))
    what = text_in(source, "what")
    result = None if what == SNAPSHOT else result_of(context.views, run, what)
    return project_from_run(context.host, earlier, run, result, context.projects, name)
