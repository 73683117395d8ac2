"""The tab without the WebUI: a local server that comes with the toy checkpoint and does not share the GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..readable import is_unicode
from ..runs.folder import RunFolder
from ..runs.messages import Event
from ..settings.methods import ResultKind
from .host import BaseCheckpoint, Interrogator, Use, belongs_to, for_diffusers, prompt_text
from .models_in_folder import models_in

if TYPE_CHECKING:
    from starlette.requests import Request

OWN_NAMES = ("127.0.0.1", "localhost", "::1")
HOW_TO_USE: dict[ResultKind, str] = {
    "checkpoint": "Copy it to the WebUI's folder models/Stable-diffusion and select it as checkpoint.",
    "lora": "Copy it to the WebUI's folder models/Lora and add {prompt} to the prompt. {belongs}",
    "embedding": "Copy it to the WebUI's folder embeddings and add {prompt} to the prompt. {belongs}",
    "hypernetwork": "Copy it to the WebUI's folder models/hypernetworks and add {prompt} to the prompt. {belongs}",
}


class Standalone:
    """A host of folders only.

    Args:
        data_folder: where projects, runs and uploads are kept.
        toy: the toy checkpoint, first in the list.
        example: settings for a first visitor.
        folders: more folders of checkpoints, with their subfolders.
    """

    name = "Standalone"

    def __init__(self, data_folder: Path, toy: Path, example: Path, folders: Sequence[Path] = ()) -> None:
        self.data_folder = data_folder
        self._toy = toy
        self._example = example
        self._folders = (data_folder / "checkpoints", *folders)

    def checkpoints(self) -> list[BaseCheckpoint]:
        """The toy checkpoint, then those in the folders; none whose name could not be shown.

        A title is a file's name, or the whole path of one whose name another one has too.
        """
        found = {path for folder in self._folders for path in models_in(folder)}
        models = sorted(path for path in found if is_unicode(str(path)))
        times = Counter(path.name for path in models)
        toy = BaseCheckpoint("toy (comes with SD Fine-Tune)", self._toy)
        return [toy, *(BaseCheckpoint(path.name if times[path.name] == 1 else str(path), path) for path in models)]

    def result_folder(self, kind: ResultKind) -> Path | None:
        """Results stay with their run."""
        return None

    def unusable(self, kind: ResultKind) -> str:
        """It uses none, and keeps all for a WebUI."""
        return ""

    def faults(self) -> list[str]:
        """None: install.py installs what is needed."""
        return []

    def example_settings(self) -> Path | None:
        """The demo's."""
        return self._example

    def example_note(self) -> str:
        """Nothing."""
        return ""

    def begin_example(self) -> Path:
        """It is always there."""
        return self._toy

    def end_example(self, in_use: Collection[Path]) -> None:
        """It stays."""

    @contextmanager
    def lend(
        self, checkpoint: Path, run: RunFolder, given_up: Callable[[], bool] = bool
    ) -> Generator[Path, None, None]:
        """The file itself."""
        yield checkpoint

    @contextmanager
    def in_turn(self, run: RunFolder, given_up: Callable[[], bool] = bool) -> Generator[None, None, None]:
        """There is nobody to wait for."""
        yield

    def interrogators(self) -> list[Interrogator]:
        """None: there are no other models."""
        return []

    @contextmanager
    def accompany(self, run: RunFolder) -> Generator[None, None, None]:
        """There is nobody to wait for."""
        yield

    def show(self, event: Event, run: RunFolder) -> None:
        """Does nothing: there is no other progress bar."""

    def asked_to_stop(self, run: RunFolder) -> bool:
        """Never: there is no other button."""
        return False

    def lists_version(self) -> int:
        """There are no lists."""
        return 0

    def use(self, kind: ResultKind, path: Path, base: Path | None, words: Sequence[str] = ()) -> Use:
        """Where to put the file in the WebUI."""
        if folder := for_diffusers(kind, path):
            return Use(folder)
        prompt = prompt_text(kind, path, words)
        return Use(HOW_TO_USE[kind].format(prompt=prompt, belongs=belongs_to(base)).strip(), prompt)

    def is_allowed(self, request: Request) -> bool:
        """It listens on this machine only; other names that resolve to this machine are refused (DNS rebinding)."""
        try:
            return request.url.hostname in OWN_NAMES
        except ValueError:  # a Host that is not an address, such as "[::1"
            return False
