"""From the form's settings to a run: training, resuming, and generating class images."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import rmtree

from ...checks.check import Further, nothing_further
from ...data.concepts import instance_examples
from ...data.image_cache import notes_in
from ...data.usable import Look
from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ...runs.launch import start_worker
from ...runs.resumable import refuse_to_resume
from ...settings.missing_files import refuse
from ...settings.options import Settings
from ...settings.prior_rules import without_class_images
from ...settings.rate_trial import trial_settings
from ..projects.at_work import refuse_if_at_work
from ..projects.check import checked_settings, for_training
from ..projects.continuing import copy_snapshot
from ..projects.host_folders import fill_host_folders
from ..projects.project import CLASS_IMAGE_RUNS, RATE_TRIALS, Project
from ..projects.usable_here import refuse_unusable_method
from .job import JobKind, NewJob

LOOK_SECONDS = 5.0
"""How long image files are read before a job is made."""


def train_job(host: Host, project: Project) -> NewJob:
    """A new run of the project's settings, ready to start. Raises UserError: a line for each thing to fix."""
    settings = _run_settings(host, project, for_training(project.origin()))
    refuse_unusable_method(host, settings.method)
    _refuse_unusable(settings)
    run = RunFolder.create(project.runs, project.name, settings)
    more = ["--resume"] if copy_snapshot(project, run) else []
    return _job("train", project, run, settings, *more)


def resume_job(host: Host, project: Project, run: RunFolder) -> NewJob:
    """Resume a run from its latest snapshot. Raises UserError if it has none, is finished or is of no use here."""
    settings = run.read_settings()
    refuse_unusable_method(host, settings.method)
    refuse_to_resume(run)
    return _job("train", project, run, settings, "--resume")


def class_images_job(host: Host, project: Project) -> NewJob:
    """Generate the class images that the project's settings ask for and that are missing. Raises UserError."""
    settings = _run_settings(host, project)
    refuse(without_class_images(settings))
    _refuse_unusable(settings)
    run = RunFolder.create(project.folder / CLASS_IMAGE_RUNS, project.name, settings)
    return _job("class images", project, run, settings, "--class-images")


def rate_trial_job(host: Host, project: Project) -> NewJob:
    """Try learning rates with the project's settings; an earlier trial is forgotten. Raises UserError."""
    settings = trial_settings(_run_settings(host, project))
    _refuse_unusable(settings)
    refuse_if_at_work(project, [RATE_TRIALS])
    rmtree(project.folder / RATE_TRIALS, ignore_errors=True)
    run = RunFolder.create(project.folder / RATE_TRIALS, project.name, settings)
    return _job("rates", project, run, settings, "--rates")


def _refuse_unusable(settings: Settings) -> None:
    """Tell what is broken before anything is loaded; of many images the worker looks at the rest."""
    look = Look(LOOK_SECONDS, notes_in(settings.data.cache_folder))
    instance_examples(settings.concepts, settings.captions, None, look, settings.evaluation.used_folder())


def _run_settings(host: Host, project: Project, further: Further = nothing_further) -> Settings:
    """The form's settings with what the host decides. Raises UserError if they, or the host, keep it from working."""
    problems = host.faults()
    if problems:
        raise UserError("\n".join(problems))
    return checked_settings(fill_host_folders(host, project.settings()), further)


def _job(kind: JobKind, project: Project, run: RunFolder, settings: Settings, *arguments: str) -> NewJob:
    base = Path(settings.base.checkpoint)

    def launch(weights: Path, commands_since: int) -> subprocess.Popen[bytes]:
        lent = [] if weights == base else ["--weights", str(weights)]
        return start_worker(run, *arguments, *lent, commands_since=commands_since)

    return NewJob(kind, project.name, run, base, launch)
