"""Changes of projects, one after another: here, and in another server on the same folder."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError
from ...runs.file_lock import hold

PATIENCE_SECONDS = 10.0
LOCK = ".saving.lock"
"""In the folder of all projects."""


@contextmanager
def saving(projects: Path) -> Generator[None, None, None]:
    """While the block runs nobody else changes a project's file or adds an upload.

    Raises:
        UserError: another one does not come to an end.
    """
    projects.mkdir(parents=True, exist_ok=True)
    held = hold(projects / LOCK, PATIENCE_SECONDS)
    if held is None:
        raise UserError(f"Another program has been saving a project in {projects} for a while: try again.")
    with held:
        yield
