"""Routes of runs: start, status since N, commands, samples, log, results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from ...errors import UserError
from ...runs.atomic import is_file
from ...runs.folder import RunFolder
from ...runs.messages import COMMANDS, send_command
from ...runs.snapshots import latest_snapshot
from ..jobs.training import class_images_job, resume_job, train_job
from ..live.results import base_of, describe_result, hint_of, result_of, words_of
from ..projects.host_folders import settings_of_run
from ..projects.project import Project
from ..projects.wording import in_the_tab
from .body import CONTENT, takes, text_in
from .context import Context
from .guard import CHANGE, Answer, Route, image_file
from .parameters import CONTEXT, PROJECT, RUN

LOG_BYTES = 6000
STOP = {"command": "stop"}

router = APIRouter(route_class=Route, tags=["runs"])


@router.post("/projects/{name}/train", dependencies=CHANGE)
def train(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Start a run with the project's settings; answers at once. Of two presses, one starts a run."""
    job = context.runner.start(lambda: train_job(context.host, project))
    return {"run": job.run.path.name}


@router.post("/projects/{name}/class-images/generate", dependencies=CHANGE)
def class_images(project: Project = PROJECT, context: Context = CONTEXT) -> dict[str, Any]:
    """Generate the class images that are missing."""
    context.runner.start(lambda: class_images_job(context.host, project))
    return {}


@router.post("/projects/{name}/runs/{run}/resume", dependencies=CHANGE)
def resume(project: Project = PROJECT, found: RunFolder = RUN, context: Context = CONTEXT) -> dict[str, Any]:
    """Resume a run from its latest snapshot."""
    context.runner.start(lambda: resume_job(context.host, project, found))
    return {"run": found.path.name}


@router.get("/projects/{name}/runs/{run}/status")
def status(since: int = 0, found: RunFolder = RUN, context: Context = CONTEXT) -> Response:
    """What changed after the first `since` events; `more` means that asking again at once brings more.

    `wait` is how many seconds to wait until asking again, which grows with the number of those who ask.
    """
    view, active, wait = context.views.of(found), context.is_active(found), context.rhythms[1].wait()

    def make() -> bytes:
        resumable = latest_snapshot(found) is not None
        return bytes(Answer({**_told(view.status(since)), "active": active, "resumable": resumable, "wait": wait}).body)

    answer = context.statuses.of((found.path, since, view.stamp(), active, wait), make)
    return Response(answer, media_type="application/json")


@router.post("/projects/{name}/runs/{run}/command", dependencies=CHANGE, openapi_extra=takes(STOP))
def command(content: dict[str, Any] = CONTENT, found: RunFolder = RUN, context: Context = CONTEXT) -> dict[str, Any]:
    """Tell the worker one of stop, save, sample, pause, resume; or kill it with `end`, without saving."""
    asked = text_in(content, "command")
    if asked != "end" and asked not in COMMANDS:
        raise UserError(f'"{asked}" is not a command: use one of {", ".join(COMMANDS)} or end.')
    if not context.is_active(found):
        raise UserError(f"Run {found.path.name} is no longer running, so it cannot {asked}.")
    if asked == "end":
        context.runner.kill()
    else:
        send_command(found.commands, asked)
    return {}


@router.get("/projects/{name}/runs/{run}/settings")
def settings(found: RunFolder = RUN) -> FileResponse:
    """The settings that the run was made with."""
    return FileResponse(_existing(found.settings), media_type="application/json")


@router.post("/projects/{name}/runs/{run}/settings/use", dependencies=CHANGE)
def use_settings(project: Project = PROJECT, found: RunFolder = RUN, context: Context = CONTEXT) -> dict[str, Any]:
    """Make the settings of a run the project's own again."""
    with context.saving:
        project.write_settings(settings_of_run(context.host, found))
    return {}


@router.get("/projects/{name}/runs/{run}/samples/{file}")
def sample(file: str, found: RunFolder = RUN) -> FileResponse:
    """An image generated during training."""
    return image_file(_inside(found.samples, file), {"Cache-Control": "max-age=86400"})


@router.get("/projects/{name}/runs/{run}/log")
def log(found: RunFolder = RUN) -> PlainTextResponse:
    """The end of what the worker printed."""
    return PlainTextResponse(_tail(found.log))


@router.get("/projects/{name}/runs/{run}/loss.csv")
def losses(found: RunFolder = RUN) -> FileResponse:
    """The losses of every step as a table."""
    return FileResponse(_existing(found.loss_csv), filename=f"{found.path.name}-loss.csv", media_type="text/csv")


@router.get("/projects/{name}/runs/{run}/results")
def results(found: RunFolder = RUN, context: Context = CONTEXT) -> list[dict[str, Any]]:
    """The files that the run saved, with how each is used."""
    base, hint, words = base_of(found), hint_of(found), words_of(found)
    return [describe_result(context.host, entry, base, hint, words) for entry in context.views.of(found).results()]


@router.get("/projects/{name}/runs/{run}/results/{file}")
def result(file: str, found: RunFolder = RUN, context: Context = CONTEXT) -> FileResponse:
    """Download one of them."""
    path = Path(result_of(context.views, found, file)["path"])
    if path.is_dir():
        raise UserError(f"{file} is a folder: copy it from {path.parent}.")
    path = _existing(path)
    return FileResponse(path, filename=file, media_type="application/octet-stream")


def _told(changed: dict[str, Any]) -> dict[str, Any]:
    """The same with what the worker says in the words of the tab."""
    end, warnings = changed["end"], changed["warnings"]
    return {**changed, "end": end and _reworded(end), "warnings": [_reworded(warning) for warning in warnings]}


def _reworded(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "message": in_the_tab(str(event["message"]))} if "message" in event else event


def _inside(folder: Path, name: str) -> Path:
    """A file in a folder, and in no other one."""
    path = folder / name
    if path.name != name or name.startswith("."):
        raise UserError(f'"{name}" is not the name of a file: leave out its folder.')
    return _existing(path)


def _existing(path: Path) -> Path:
    if not is_file(path):
        raise UserError(f"{path.name} not found: it was moved or deleted, or is not written yet.")
    return path


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
