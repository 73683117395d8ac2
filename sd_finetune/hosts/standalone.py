"""The tab by itself: a server on this machine, the toy checkpoint at hand, nothing to share the GPU with."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..runs.folder import RunFolder
from ..runs.messages import Event
from .host import BaseCheckpoint, Kind, Use

if TYPE_CHECKING:
    from starlette.requests import Request

CHECKPOINT_ENDINGS = (".safetensors", ".ckpt")
OWN_NAMES = ("127.0.0.1", "localhost", "::1")
HOW_TO_USE = {
    "checkpoint": "Put it into the WebUI's folder models/Stable-diffusion and choose it as checkpoint.",
    "lora": "Put it into the WebUI's folder models/Lora and write {prompt} into the prompt.",
    "embedding": "Put it into the WebUI's folder embeddings and write {prompt} into the prompt.",
    "hypernetwork": "Put it into the WebUI's folder models/hypernetworks and write {prompt} into the prompt.",
}
IN_PROMPT = {"checkpoint": "", "lora": "<lora:{name}:1>", "embedding": "{name}", "hypernetwork": "<hypernet:{name}:1>"}


class Standalone:
    """A host that owns nothing but folders.

    Args:
        data_folder: where models, runs and uploads are kept.
        toy: the checkpoint that is there without one's own; first of the list.
        lesson: settings for a first visitor.
        folders: where else checkpoints are looked for, sub-folders too.
    """

    name = "SD Fine-Tune by itself"

    def __init__(self, data_folder: Path, toy: Path, lesson: Path, folders: Sequence[Path] = ()) -> None:
        self.data_folder = data_folder
        self._toy = toy
        self._lesson = lesson
        self._folders = (data_folder / "checkpoints", *folders)

    def checkpoints(self) -> list[BaseCheckpoint]:
        """The toy, then what lies in the folders, by name."""
        found = {path.resolve() for folder in self._folders for path in folder.rglob("*") if path.is_file()}
        files = sorted(path for path in found if path.suffix.lower() in CHECKPOINT_ENDINGS)
        return [BaseCheckpoint("toy (comes with SD Fine-Tune)", self._toy), *(BaseCheckpoint(p.name, p) for p in files)]

    def result_folder(self, kind: Kind) -> Path | None:
        """Results stay with their run."""
        return None

    def faults(self) -> list[str]:
        """install.py saw to everything."""
        return []

    def first_lesson(self) -> Path | None:
        """The demo's."""
        return self._lesson

    @contextmanager
    def lend(self, checkpoint: Path, run: RunFolder) -> Generator[Path, None, None]:
        """The file itself."""
        yield checkpoint

    def show(self, event: Event, run: RunFolder) -> None:
        """There is no other progress bar."""

    def asked_to_stop(self) -> bool:
        """There is no other button."""
        return False

    def refresh(self, kind: Kind) -> None:
        """There are no lists."""

    def use(self, kind: Kind, path: Path) -> Use:
        """Where the WebUI wants the file."""
        prompt = IN_PROMPT[kind].format(name=path.stem)
        return Use(HOW_TO_USE[kind].format(prompt=prompt), prompt)

    def is_allowed(self, request: Request) -> bool:
        """It listens on this machine only; a page of another address that had its name led here is refused."""
        return request.url.hostname in OWN_NAMES
