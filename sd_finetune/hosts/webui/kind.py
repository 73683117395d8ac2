"""What differs between AUTOMATIC1111's WebUI and its forks: the protocol that each kind implements in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...settings.methods import ResultKind
from ..host import Interrogator


@dataclass(frozen=True)
class Dropdown:
    """The list of checkpoints in a page.

    component: of gradio. as_it_is: its update to the state of the server. select: the one that selects a title.
    """

    component: Any
    as_it_is: Callable[[], Any]
    select: Callable[[str], Any]


class Kind(Protocol):
    """One kind of WebUI. What touches models is to be called in one's turn of its queue."""

    @property
    def name(self) -> str:
        """What the tab runs in, such as "AUTOMATIC1111 WebUI"."""
        ...

    @property
    def unusable(self) -> Mapping[ResultKind, str]:
        """Results that it cannot use, each with a sentence why."""
        ...

    @property
    def no_toy(self) -> str:
        """Why it cannot generate with the example's toy checkpoint, in a sentence; "" where it can."""
        ...

    def folder(self, kind: ResultKind) -> Path:
        """Where it looks for such files, by its flags; the first one that can be written where it has several."""
        ...

    def checkpoint_files(self) -> list[str]:
        """All files that it lists as checkpoints, but for that of --ckpt."""
        ...

    def select(self, info: Any) -> None:
        """Generate with a checkpoint of the list next, a `CheckpointInfo`, where the selected one is gone."""
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

    def checkpoint_dropdown(self) -> Dropdown | None:
        """That of the page that is being made, where it is not the setting `sd_model_checkpoint`."""
        ...

    def interrogators(self) -> list[Interrogator]:
        """Its models that caption images."""
        ...
