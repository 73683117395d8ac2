"""What every route works on: the host, its models, the job that is going on, and the views of runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...errors import UserError
from ...hosts.host import Host
from ...runs.folder import RunFolder
from ..jobs.runner import Runner
from ..live.run_view import Views
from ..projects.project import Model, named


@dataclass(frozen=True)
class Context:
    """One of these for each server. Names from outside become folders only here, and never lead out of theirs."""

    host: Host
    runner: Runner
    views: Views = field(default_factory=Views)

    @classmethod
    def of(cls, host: Host) -> Context:
        """A new one, which finds again what an earlier server has left running."""
        return cls(host, Runner(host, models_folder(host)))

    @property
    def models(self) -> Path:
        """Where models are."""
        return models_folder(self.host)

    def model(self, name: str) -> Model:
        """A model that exists. Raises UserError."""
        model = named(self.models, name)
        model.read()
        return model

    def run(self, model: str, name: str) -> RunFolder:
        """A run of a model, which exists. Raises UserError."""
        found = self.model(model)
        if name not in found.run_names():
            raise UserError(f'"{model}" has no run {name}: choose one of its runs.')
        return RunFolder(found.runs / name)


@cache
def context_of(host: Host) -> Context:
    """The one of a host, however often its server is put together anew."""
    return Context.of(host)


def models_folder(host: Host) -> Path:
    """Where a host's models are."""
    return host.data_folder / "models"
