"""Caption all: captions for the images of a concept, by the host's own models or by the command of captioner.toml."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...checks.concept_images import captions_of_concept, folder_of_concept, images_of_concept
from ...data.caption_writing import write_caption
from ...data.captioning.captioner import Captioner, Write, by_model, caption_all
from ...data.captioning.command_file import NAME, command_in
from ...data.captioning.existing import EXISTING, Existing
from ...data.captions import CaptionReader
from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ...runs.messages import Done, Error, Event, Phase, Warning_
from ..projects.at_work import refuse_if_at_work
from ..projects.captionings import note_written
from ..projects.host_folders import with_caches
from ..projects.project import CAPTIONINGS, Project
from ..projects.saving import saving
from .job import OwnJob

COMMAND = "command"
CAPTIONING = "captioning"
MOST_WARNINGS = 100


def captioners(host: Host) -> list[dict[str, Any]]:
    """What can caption images here: `name`, `title`, and `missing`, why it cannot be used now, or "".

    The command stands in the host's data folder, in a file that no route writes: who can reach the page must not be
    able to choose a program that is started on this computer.
    """
    known = [{"name": each.name, "title": each.title, "missing": each.missing} for each in host.interrogators()]
    title, missing = "Your command", ""
    try:
        command = command_in(command_file(host))
    except UserError as error:
        command, missing = None, str(error)
    if command is not None:
        title = f"Your command, {command.name}"
    elif not missing:
        missing = f"No command is named yet: write it into {command_file(host)}, as docs/data.md says."
    return [*known, {"name": COMMAND, "title": title, "missing": missing}]


def command_file(host: Host) -> Path:
    """Where the owner of this computer names the caption command."""
    return host.data_folder / NAME


def captions_job(host: Host, project: Project, number: int, by: str, existing: str) -> OwnJob:
    """Caption the images of a concept, counted from 1, with the captioner `by`; `existing` is one of EXISTING.

    Raises:
        UserError: it cannot be done.
    """
    captioner = _captioner(host, by)
    wanted = _existing(existing)
    folder_of_concept(project.settings(), number)
    refuse_if_at_work(project, [CAPTIONINGS])
    shutil.rmtree(project.folder / CAPTIONINGS, ignore_errors=True)
    run = RunFolder(project.folder / CAPTIONINGS / f"concept-{number}-{time.time_ns() // 1_000_000}")
    run.path.mkdir(parents=True)

    def work(tell: Callable[[Event], None], stopped: Callable[[], bool]) -> None:
        settings = with_caches(host, project.settings())
        captions = captions_of_concept(settings, number)
        images = images_of_concept(settings, number, float("inf")).images

        def tell_phase(done: int, total: int) -> None:
            tell(Phase(CAPTIONING, done, total))

        write = _writer(project, run, captions)
        outcome = caption_all(images, captioner, wanted, captions, write, tell_phase, stopped)
        for problem in outcome.problems[:MOST_WARNINGS]:
            tell(Warning_(problem))
        if outcome.failure:
            tell(Error(str(outcome)))
        else:
            tell(Done(0, "stopped" if outcome.stopped else "finished", str(outcome)))

    return OwnJob("captions", project.name, run, work)


def _writer(project: Project, run: RunFolder, captions: CaptionReader) -> Write:
    def write(image: Path, text: str, was: str | None) -> str | None:
        with saving(project.folder.parent):
            theirs = write_caption(image, text, captions, was)
        if theirs is None:
            note_written(run, image, was, text)
        return theirs

    return write


def _captioner(host: Host, name: str) -> Captioner:
    """The one that is called so. Raises UserError if it cannot be used."""
    if name == COMMAND:
        command = command_in(command_file(host))
        if command is not None:
            return command
    for each in captioners(host):
        if each["name"] == name and each["missing"]:
            raise UserError(each["missing"])
    for each in host.interrogators():
        if each.name == name:
            return by_model(each.ready)
    names = ", ".join(each["name"] for each in captioners(host))
    raise UserError(f'"{name}" captions no images here: use one of {names}.')


def _existing(name: str) -> Existing:
    for each in EXISTING:
        if each == name:
            return each
    raise UserError(f'existing = "{name}" is not known: use one of {", ".join(EXISTING)}.')
