"""The files that a run has made, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import UserError
from ...runs.folder import RunFolder
from .context import Context


def result_of(context: Context, run: RunFolder, name: str) -> dict[str, Any]:
    """The result of a run that is called `name`: its `path`, `step`, `artefact`. Raises UserError if there is none."""
    for entry in reversed(context.views.of(run).results()):
        if Path(entry["path"]).name == name:
            return {**entry, "name": name}
    raise UserError(f"{run.path.name} made no file {name}: choose one of its results.")
