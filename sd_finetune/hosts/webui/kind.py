"""What differs between AUTOMATIC1111's WebUI and its forks: the protocol that each kind implements in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from ...settings.methods import ResultKind
from ..host import Interrogator


class Kind(Protocol):
    """One kind of WebUI. All but `folder` and `checkpoint_files` is to be called in one's turn of its queue."""

    @property
    def name(self) -> str:
        """What the tab runs in, such as "AUTOMATIC1111 WebUI"."""
        ...

    @property
    def unusable(self) -> Mapping[ResultKind, str]:
        """Results that it cannot use, each with a sentence why."""
        ...

    def folder(self, kind: ResultKind) -> Path:
        """Where it looks for such files, by its flags; the first one that can be written where it has several."""
        ...

    def checkpoint_files(self) -> list[str]:
        """All files that it lists as checkpoints, but for that of --ckpt."""
        ...

    def lent(self, checkpoint: Path) -> AbstractContextManager[Path]:
        """Free its VRAM while the block runs, and yield a file with the weights of `checkpoint`.

        That file may be another one than `checkpoint` where the weights are equal to the bit. Whatever happens,
        everything is as it was afterwards. Raises UserError.
        """
        ...

    def vram_freed(self) -> AbstractContextManager[None]:
        """As `lent`, for a worker that has its weights already."""
        ...

    def read(self, kind: ResultKind) -> None:
        """Read its list of such files again, so that one that was replaced is used as it is now.

        Checkpoints are listed by lists.py and loaded again by `load_again`.
        """
        ...

    def load_again(self, files: set[Path]) -> None:
        """Checkpoints at these resolved paths were replaced: where one is loaded, the new one is used from now on."""
        ...

    def forget_names(self) -> None:
        """Drop what it caches by name, as prompts: a result may have taken a name that meant something else."""
        ...

    def interrogators(self) -> list[Interrogator]:
        """Its models that caption images."""
        ...
