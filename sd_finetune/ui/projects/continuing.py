"""Projects that continue from an earlier run: from its snapshot, with step and optimizer, or from a result."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...hosts.host import Host
from ...reading.diffusers_folder import is_model
from ...runs.folder import RunFolder
from ...runs.moving import rename_folder
from ...runs.notes import read_note
from ...runs.snapshots import (
    all_snapshots,
    latest_snapshot,
    means_the_same,
    needed_snapshot,
    snapshot_depends_on,
    step_of,
)
from ...settings.learned_words import learned_words
from ...settings.options import Settings
from ...settings.plain import with_values
from ..live.run_view import Views
from .host_folders import settings_of_run
from .project import Project, all_projects

SNAPSHOT = "snapshot"
"""Stands where else the name of a result does."""


def continuation_sources(projects: Path, views: Views) -> list[dict[str, Any]]:
    """Results and snapshots that a project can continue from, the latest run of each project first.

    Each has `project` (the project's name), `run`, `what` (a result's name, or SNAPSHOT), `method` and `step`.
    """
    found: list[dict[str, Any]] = []
    for project in all_projects(projects):
        for name in project.run_names():
            with suppress(OSError):  # what cannot be read can be continued from neither
                found += _sources_in(RunFolder(project.runs / name), project.name, views)
    return found


def _sources_in(run: RunFolder, project: str, views: Views) -> Iterator[dict[str, Any]]:
    facts = {"project": project, "run": run.path.name, "method": _method(run)}
    snapshot = latest_snapshot(run)
    if snapshot is not None:
        yield {**facts, "what": SNAPSHOT, "step": step_of(snapshot)}
    for entry in reversed(views.of(run).results()):
        if is_model(Path(entry["path"])):
            yield {**facts, "what": Path(entry["path"]).name, "step": entry["step"]}


def project_from_run(
    host: Host, source: Project, run: RunFolder, result: dict[str, Any] | None, projects: Path, name: str
) -> Project:
    """A new project with a run's settings that continues from its `result`, or without one from its latest snapshot.

    A snapshot is taken into the new project's folder, so that the earlier project can be trained on or deleted.

    Raises:
        UserError: there is no snapshot, or no project can be called so.
    """
    settings = settings_of_run(host, run)
    settings["output"]["name"] = name
    base = source.read()["base"]
    if result is not None:
        settings = _continued(settings, run.read_settings(), Path(result["path"]))
        return Project.create(projects, name, base, settings)
    snapshot = needed_snapshot(run, "continue", "choose one of its results")
    origin = {"step": step_of(snapshot), "of": run.path.name, "shape": snapshot_depends_on(run.read_settings())}
    project = Project.create(projects, name, base, settings, origin)
    _copy(snapshot, project.snapshots / snapshot.name)
    return project


def _continued(settings: dict[str, Any], of_run: Settings, result: Path) -> dict[str, Any]:
    """The settings with what continues from a result; with several new words, each from its own file of that step."""
    words = learned_words(of_run) if of_run.result_kind() == "embedding" else ()
    matches = (re.fullmatch(rf"{re.escape(word.file)}(-step[0-9]+)?", result.stem) for word in words)
    suffix = next((match[1] or "" for match in matches if match), None)
    if suffix is None:
        return with_values(settings, {"base.continue_from": str(result)})
    files = {word.continue_option: result.with_name(f"{word.file}{suffix}{result.suffix}") for word in words}
    return with_values(settings, {option: str(file) for option, file in files.items()})


def origin_faults(settings: Settings, steps: int, origin: dict[str, Any] | None) -> dict[str, str]:
    """By the setting's name, what keeps training from continuing from a project's snapshot. steps: of the whole run."""
    if origin is None:
        return {}
    now, then = snapshot_depends_on(settings), origin["shape"]
    others = {name: value for name, value in then.items() if name in now and not means_the_same(name, now[name], value)}
    gone = {name: value for name, value in then.items() if name not in now}  # with another method, or without new words
    faults = {
        name: f"{name} = {json.dumps(now.get(name))} does not match the snapshot of {origin['of']} that this project "
        f"continues from: set it back to {json.dumps(value)}, or create a new project."
        for name, value in (others or gone).items()
    }
    if steps and steps <= origin["step"]:
        faults["train.length"] = (
            f'train.length = "{settings.train.length}" ends at step {steps}, but this project continues from step '
            f"{origin['step']}: make it longer."
        )
    return faults


def copy_snapshot(project: Project, run: RunFolder) -> bool:
    """Put the project's snapshot, if it has one, into a new run, which is then to be resumed; whether there is one."""
    snapshots = all_snapshots(project.snapshots)
    for snapshot in snapshots:
        _copy(snapshot, run.snapshots / snapshot.name)
    return bool(snapshots)


def _method(run: RunFolder) -> str:
    method = (read_note(run.settings) or {}).get("method", "lora")
    return method if isinstance(method, str) else ""


def _copy(source: Path, target: Path) -> None:
    """A link to each file costs no space; files of a snapshot are replaced and never written into."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, copy_function=_link)
    rename_folder(unfinished, target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)
