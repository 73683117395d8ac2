"""New projects from a checkpoint, and the example that a first visitor can train as it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...formats.usable_base import refuse_unusable_base
from ...hosts.host import CHECKPOINT_ENDINGS, Host
from ...reading.diffusers_folder import is_diffusers_folder
from ...reading.other_files import sentence_about_folder
from ...runs.atomic import is_file
from ...settings.groups.samples import SAMPLERS
from ...settings.paths import pasted_path
from ...settings.plain import text
from ...settings.read import read_toml, to_dict
from .at_work import refuse_if_at_work
from .form import defaults
from .project import Project, all_projects, projects_folder


def project_from_checkpoint(host: Host, name: str, checkpoint: str | None, sampler: str = "") -> Project:
    """A new project.

    Args:
        checkpoint: a title from the host's list, or the path of a file; None for the one that the host has loaded.
        sampler: samples class images and samples; empty = the default.

    Raises:
        UserError: there is no such checkpoint or sampler, it cannot be trained, or no project can be called so.
    """
    checkpoint = chosen_title(host, checkpoint)
    path = checkpoint_file(host, checkpoint)
    refuse_unusable_base(path)
    settings = _first_settings(host, path, name)
    if sampler and sampler not in SAMPLERS:
        raise UserError(f'"{sampler}" is not a sampling method: choose one of {", ".join(SAMPLERS)}.')
    chosen = {"sampler": sampler} if sampler else {}
    for group in ("samples", "class_images"):
        settings[group] = {**settings.get(group, {}), **chosen}
    title = path.name if checkpoint == str(path) else checkpoint
    return Project.create(projects_folder(host), name, title, settings)


def example_project(host: Host) -> Project:
    """A new project with the host's example settings. Raises UserError if it has none."""
    file = host.example_settings()
    if file is None:
        raise UserError("There is no example project here: create a project from a checkpoint.")
    number, taken = 1, {project.name for project in all_projects(projects_folder(host))}
    while (name := f"example-{number}") in taken:
        number += 1
    settings = to_dict(read_toml(file, [f"output.name={name}"]))
    base = host.begin_example()
    settings["base"]["checkpoint"] = str(base)
    return Project.create(projects_folder(host), name, base.name, settings)


def delete_project(host: Host, project: Project) -> None:
    """Delete a project with its runs; the example's checkpoint goes with the last project that is based on it.

    Raises:
        UserError: another process works on one of its jobs, or as `Project.delete`.
    """
    refuse_if_at_work(project)
    project.delete()
    host.end_example([_base_of(each) for each in all_projects(projects_folder(host))])


def _base_of(project: Project) -> Path:
    try:
        return Path(text(project.settings(), "base.checkpoint"))
    except UserError:  # its file is damaged
        return Path()


def loaded_title(host: Host) -> str | None:
    """The title of the checkpoint that the host has loaded; None if it has none."""
    return next((checkpoint.title for checkpoint in host.checkpoints() if checkpoint.loaded), None)


def chosen_title(host: Host, checkpoint: str | None) -> str:
    """What was chosen, where None is the loaded checkpoint. Raises UserError if none is loaded."""
    title = loaded_title(host) if checkpoint is None else checkpoint
    if title is None:
        raise UserError("No checkpoint is loaded: choose one from the list.")
    return title


def checkpoint_file(host: Host, title: str) -> Path:
    """The file or folder of a title, or of a path that the person typed. Raises UserError if there is none."""
    for checkpoint in host.checkpoints():
        if title in (checkpoint.title, str(checkpoint.path)):
            return checkpoint.path
    path = Path(pasted_path(title))
    if title and is_diffusers_folder(path):
        return path.resolve()
    if title and os.path.isdir(path):  # noqa: PTH112 - Path.is_dir fails for a name that is too long
        raise UserError(sentence_about_folder(path))
    if not title or not is_file(path) or path.suffix.lower() not in CHECKPOINT_ENDINGS:
        endings = " or ".join(CHECKPOINT_ENDINGS)
        way_out = f"choose one from the list, or enter the path of a {endings} file, or of a folder of diffusers"
        raise UserError(f'"{title}" is not a checkpoint: {way_out}.')
    return path.resolve()


def _first_settings(host: Host, checkpoint: Path, name: str) -> dict[str, Any]:
    """What the form shows of a new project; for the example's checkpoint what suits it, without its concepts."""
    file = host.example_settings()
    if file is not None:
        settings = to_dict(read_toml(file, [f"output.name={name}"]))
        if Path(settings["base"]["checkpoint"]).name == checkpoint.name:
            settings["base"]["checkpoint"] = str(checkpoint)
            settings["samples"]["prompts"] = []
            return {**settings, "concepts": [defaults("concepts")]}
    own = {"base": {"checkpoint": str(checkpoint)}, "output": {"name": name}}
    return {**own, "concepts": [defaults("concepts")]}
