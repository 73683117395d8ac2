"""The example's checkpoint, among the WebUI's where it can load it: there while a project is based on it."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from ...errors import UserError
from ..host import BaseCheckpoint, Example

FOLDER = "sd-finetune-example"
"""All in it is ours."""


class PlacedExample:
    """The example in a WebUI.

    Args:
        above: the WebUI's folder of checkpoints, or another one.
    """

    def __init__(self, example: Example, above: Path) -> None:
        self.settings = example.settings
        self._example = example
        self._folder = above / FOLDER

    def begin(self, listed: Sequence[BaseCheckpoint]) -> Path:
        """Place it unless one of the `listed` checkpoints is the same; its file. Raises UserError."""
        there = next((base.path for base in listed if self._is_same(base.path)), None)
        if there is not None:
            return there
        try:
            return self._example.place(self._folder)
        except OSError as error:
            raise UserError(
                f"The example's checkpoint cannot be put into {self._folder}: {error.strerror or error}; free some "
                "space or correct the folder's permissions, then try again."
            ) from error

    def holds(self, path: Path) -> bool:
        """Whether a checkpoint is the one that was placed."""
        return self._folder in path.parents

    def end(self, in_use: Collection[Path]) -> bool:
        """Remove it, unless it is `in_use`; whether it was removed."""
        if not self._folder.is_dir() or any(self._folder in path.parents for path in in_use):
            return False
        shutil.rmtree(self._folder, ignore_errors=True)
        return True

    def _is_same(self, path: Path) -> bool:
        try:
            return filecmp.cmp(path, self._example.checkpoint, shallow=False) and path.with_suffix(".yaml").is_file()
        except OSError:  # it was removed meanwhile
            return False
