"""Models that go on from what an earlier run made: a snapshot with its step and optimizer, or a result's weights."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ...runs.snapshots import all_snapshots, finished_snapshots, step_of
from ...settings.methods import METHODS
from ...settings.options import Settings
from ..live.run_view import Views
from .project import Model, all_models

SNAPSHOT = "snapshot"
"""Stands where else the name of a result does."""


def origins(models: Path, views: Views) -> list[dict[str, Any]]:
    """What can be gone on from, the latest run of each model first: `model`, `run`, `what`, `method`, `step`."""
    found: list[dict[str, Any]] = []
    for model in all_models(models):
        for name in model.run_names():
            run = RunFolder(model.runs / name)
            facts = {"model": model.name, "run": name, "method": _method(run)}
            snapshot = _snapshot(run)
            if snapshot is not None:
                found.append({**facts, "what": SNAPSHOT, "step": step_of(snapshot)})
            results = [entry for entry in views.of(run).results() if Path(entry["path"]).is_file()]
            found += [{**facts, "what": Path(e["path"]).name, "step": e["step"]} for e in reversed(results)]
    return found


def settings_of_run(host: Host, run: RunFolder) -> dict[str, Any]:
    """A run's settings as a form has them: places that the host had decided are open again."""
    settings: dict[str, Any] = json.loads(run.settings.read_text(encoding="utf-8"))
    folder = host.result_folder(METHODS[settings["method"]].artefact)
    if folder is not None and settings["output"]["folder"] == str(folder):
        settings["output"]["folder"] = ""
    if settings["class_images"]["cache_folder"] == str(host.data_folder / "class-images"):
        settings["class_images"]["cache_folder"] = ""
    return settings


def model_from(
    host: Host, source: Model, run: RunFolder, result: dict[str, Any] | None, models: Path, name: str
) -> Model:
    """A new model with a run's settings that goes on from its `result`, or without one from its latest snapshot.

    A snapshot is taken into the new model's folder, so that the earlier model can be trained on or deleted.

    Raises:
        UserError: there is no snapshot, or no model can be called so.
    """
    settings = settings_of_run(host, run)
    settings["output"]["name"] = name
    base = source.read()["base"]
    if result is not None:
        settings["base"]["continue_from"] = result["path"]
        return Model.create(models, name, base, settings)
    snapshot = _snapshot(run)
    if snapshot is None:
        raise UserError(f"{run.path.name} has no snapshot to go on from: choose one of its results.")
    origin = {"step": step_of(snapshot), "of": run.path.name, "shape": origin_shape(run.read_settings())}
    model = Model.create(models, name, base, settings, origin)
    _copy(snapshot, _kept(model) / snapshot.name)
    return model


def origin_faults(settings: Settings, steps: int, origin: dict[str, Any] | None) -> dict[str, str]:
    """By the setting's name, what keeps training from going on from a model's snapshot."""
    if origin is None:
        return {}
    shape = origin_shape(settings)
    faults = {
        name: f"{name} = {json.dumps(shape.get(name))} does not fit the snapshot of {origin['of']} that this model "
        f"goes on from: set it back to {json.dumps(value)}, or create a new model."
        for name, value in origin["shape"].items()
        if shape.get(name) != value
    }
    if steps and steps <= origin["step"]:
        faults["train.length"] = (
            f"train.length ends at step {steps}, and this model goes on from step {origin['step']}: make it longer."
        )
    return faults


def begin_from(model: Model, run: RunFolder) -> bool:
    """Put the model's snapshot, if it has one, into a new run, which is then to be resumed; whether there is one."""
    snapshots = all_snapshots(_kept(model))
    for snapshot in snapshots:
        _copy(snapshot, run.snapshots / snapshot.name)
    return bool(snapshots)


def _kept(model: Model) -> Path:
    return model.folder / "snapshot"


def origin_shape(settings: Settings) -> dict[str, Any]:
    """The settings without which a snapshot's tensors mean nothing."""
    shape: dict[str, Any] = {"method": settings.method, "train.train_text_encoder": settings.train.train_text_encoder}
    shape["optimizer.name"] = settings.optimizer.name
    for name in METHODS[settings.method].fixed:
        group, _, option = name.partition(".")
        shape[name] = getattr(getattr(settings, group), option)
    return shape


def _method(run: RunFolder) -> str:
    try:
        return json.loads(run.settings.read_text(encoding="utf-8")).get("method", "lora")
    except (OSError, ValueError):
        return ""


def _snapshot(run: RunFolder) -> Path | None:
    finished = finished_snapshots(run.snapshots)
    return finished[-1] if finished else None


def _copy(source: Path, target: Path) -> None:
    """A link to each file costs no space; files of a snapshot are replaced and never written into."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, copy_function=_link)
    unfinished.rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)
