"""What every route works on: the host, its projects, the job that is going on, and the views of runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ..jobs.runner import Runner
from ..live.run_view import Views
from ..projects.project import Project, project_named, projects_folder


@dataclass(frozen=True)
class Context:
    """One of these for each server. Names from outside become folders only here, and never lead out of theirs."""

    host: Host
    runner: Runner
    views: Views = field(default_factory=Views)
    saving: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever changes a project's file, which is read, changed and written."""

    @classmethod
    def of(cls, host: Host) -> Context:
        """A new one, which finds again what an earlier server has left running."""
        return cls(host, Runner(host, projects_folder(host)))

    @property
    def projects(self) -> Path:
        """Where projects are."""
        return projects_folder(self.host)

    def project(self, name: str) -> Project:
        """A project that exists. Raises UserError."""
        project = project_named(self.projects, name)
        project.read()
        return project

    def run(self, project: str, name: str) -> RunFolder:
        """A run of a project, which exists. Raises UserError."""
        found = self.project(project)
        if name not in found.run_names():
            raise UserError(f'Run {name} of project "{project}" not found: choose one of its runs.')
        return RunFolder(found.runs / name)

    def is_active(self, run: RunFolder) -> bool:
        """Whether a job works at a run."""
        job = self.runner.current()
        return job is not None and job.run.path == run.path


@cache
def context_of(host: Host) -> Context:
    """The one of a host, however often its server is put together anew."""
    return Context.of(host)
