"""What every route works on: the host, its projects, the job that is going on, and the views of runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...hosts.host import Host
from ...runs.atomic import is_file, is_taken
from ...runs.folder import RunFolder
from ..jobs.installing import Installer
from ..jobs.runner import Runner
from ..live.run_view import Views
from ..live.shared import Rhythm, Shared
from ..projects.project import Project, project_named, projects_folder
from ..projects.saving import saving

INSTALL_LOG = "packages.log"
"""What was said while an optional package was installed, in the host's data folder."""


@dataclass(frozen=True)
class Context:
    """One of these for each server. Names from outside become folders only here, and never lead out of theirs."""

    host: Host
    runner: Runner
    installer: Installer
    views: Views = field(default_factory=Views)
    lists: Shared[dict[str, Any]] = field(default_factory=lambda: Shared(0.5))
    """What there is to choose from; cleared after each change."""
    statuses: Shared[bytes] = field(default_factory=lambda: Shared(2.0))
    """Of runs, by all that they depend on."""
    rhythms: tuple[Rhythm, Rhythm] = field(default_factory=lambda: (Rhythm(), Rhythm()))
    """Of those who ask for the lists, and for the status of runs."""

    @classmethod
    def of(cls, host: Host) -> Context:
        """A new one, which finds again what an earlier server has left running."""
        return cls(host, Runner(host, projects_folder(host)), Installer(host.data_folder / INSTALL_LOG))

    @property
    def projects(self) -> Path:
        """Where projects are."""
        return projects_folder(self.host)

    @property
    def saving(self) -> AbstractContextManager[None]:
        """A block in which a project's file is read, changed and written."""
        return saving(self.projects)

    def project(self, name: str) -> Project:
        """A project that exists. Raises UserError."""
        project = self.existing_project(name)
        project.read()
        return project

    def existing_project(self, name: str) -> Project:
        """The same, where its file may be damaged."""
        project = project_named(self.projects, name)
        if not is_taken(project.file):
            raise UserError(f'Project "{name}" not found: create it, or choose another one.')
        return project

    def run(self, project: str, name: str) -> RunFolder:
        """A run of a project, which exists. Raises UserError."""
        run = RunFolder(self.existing_project(project).runs / name)
        if name != run.path.name or name[0] in "." or set(name) & set("/\\:") or not is_file(run.settings):
            raise UserError(f'Run {name} of project "{project}" not found: choose one of its runs.')
        return run

    def is_active(self, run: RunFolder) -> bool:
        """Whether a job works at a run."""
        job = self.runner.current()
        return job is not None and job.run.path == run.path


@cache
def context_of(host: Host) -> Context:
    """The one of a host, however often its server is put together anew."""
    return Context.of(host)
