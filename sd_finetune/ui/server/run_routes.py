"""Routes of runs: start, status since N, commands, samples, log, results."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from fastapi import APIRouter, Body, Depends
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from ...errors import UserError
from ...runs.messages import COMMANDS, Command, send_command
from ...runs.snapshots import finished_snapshots
from ..jobs.training import class_images_job, resume_job, train_job
from ..projects.continuing import settings_of_run
from .context import Context
from .guard import Route, same_origin
from .results import result_of

LOG_BYTES = 6000
STOP = {"command": "stop"}


def run_routes(context: Context) -> APIRouter:
    """The routes under /models/NAME/runs, and the button Train."""
    router = APIRouter(route_class=Route, tags=["runs"])
    change = [Depends(same_origin)]

    @router.post("/models/{name}/train", dependencies=change)
    def train(name: str) -> dict[str, Any]:
        """Start a run with the model's settings; answers at once. Of two presses, one starts a run."""
        job = context.runner.start(lambda: train_job(context.host, context.model(name)))
        return {"run": job.run.path.name}

    @router.post("/models/{name}/class-images", dependencies=change)
    def class_images(name: str) -> dict[str, Any]:
        """Draw the class pictures that are missing."""
        context.runner.start(lambda: class_images_job(context.host, context.model(name)))
        return {}

    @router.post("/models/{name}/runs/{run}/resume", dependencies=change)
    def resume(name: str, run: str) -> dict[str, Any]:
        """Go on with a run from its latest snapshot."""
        found = context.run(name, run)
        context.runner.start(lambda: resume_job(context.host, context.model(name), found))
        return {"run": run}

    @router.get("/models/{name}/runs/{run}/status")
    def status(name: str, run: str, since: int = 0) -> JSONResponse:
        """What changed after the first `since` events; `more` means that asking again at once brings more."""
        found = context.run(name, run)
        job = context.runner.current()
        active = job is not None and job.run.path == found.path
        told = context.views.of(found).status(since)
        resumable = bool(finished_snapshots(found.snapshots))
        return JSONResponse({**told, "active": active, "resumable": resumable})

    @router.post("/models/{name}/runs/{run}/command", dependencies=change)
    def command(name: str, run: str, content: dict[str, Any] = Body(..., example=STOP)) -> dict[str, Any]:
        """Tell the worker one of stop, save, sample, pause, resume; or kill it with `end`, without saving."""
        found, asked = context.run(name, run), content.get("command")
        job = context.runner.current()
        if job is None or job.run.path != found.path:
            raise UserError(f"{run} is not at work any more: there is nothing to {asked}.")
        if asked == "end":
            context.runner.kill()
        elif asked in COMMANDS:
            send_command(found.commands, cast(Command, asked))
        else:
            raise UserError(f"{asked!r} is no command: give one of {', '.join(COMMANDS)} or end.")
        return {}

    @router.get("/models/{name}/runs/{run}/settings")
    def settings(name: str, run: str) -> FileResponse:
        """The settings that the run was made with."""
        return FileResponse(context.run(name, run).settings, media_type="application/json")

    @router.post("/models/{name}/runs/{run}/settings/use", dependencies=change)
    def use(name: str, run: str) -> dict[str, Any]:
        """Make the settings of a run the model's own again."""
        context.model(name).write_settings(settings_of_run(context.host, context.run(name, run)))
        return {}

    @router.get("/models/{name}/runs/{run}/samples/{file}")
    def sample(name: str, run: str, file: str) -> FileResponse:
        """A picture drawn during training."""
        return FileResponse(_inside(context.run(name, run).samples, file), headers={"Cache-Control": "max-age=86400"})

    @router.get("/models/{name}/runs/{run}/log")
    def log(name: str, run: str) -> PlainTextResponse:
        """The end of what the worker printed."""
        return PlainTextResponse(_tail(context.run(name, run).log))

    @router.get("/models/{name}/runs/{run}/loss.csv")
    def losses(name: str, run: str) -> FileResponse:
        """The losses of every step as a table."""
        return FileResponse(_there(context.run(name, run).loss_csv), filename=f"{run}-loss.csv")

    @router.get("/models/{name}/runs/{run}/results")
    def results(name: str, run: str) -> list[dict[str, Any]]:
        """The files that the run saved, with how each is used."""
        return [_result(context, entry) for entry in context.views.of(context.run(name, run)).results()]

    @router.get("/models/{name}/runs/{run}/results/{file}")
    def result(name: str, run: str, file: str) -> FileResponse:
        """Download one of them."""
        return FileResponse(_there(Path(result_of(context, context.run(name, run), file)["path"])), filename=file)

    return router


def _result(context: Context, entry: dict[str, Any]) -> dict[str, Any]:
    path = Path(entry["path"])
    use = context.host.use(entry["artefact"], path)
    size = path.stat().st_size if path.is_file() else 0
    return {"name": path.name, "step": entry["step"], "kind": entry["artefact"], "path": str(path), "bytes": size,
            "sentence": use.sentence, "prompt": use.prompt, "checkpoint": use.checkpoint}  # fmt: skip


def _inside(folder: Path, name: str) -> Path:
    """A file in a folder, and in no other one."""
    path = folder / name
    if path.name != name or name.startswith("."):
        raise UserError(f"{name} is no file's name: give one without a folder.")
    return _there(path)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path.name} is not there any more.")
    return path


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
