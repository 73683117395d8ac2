"""The program around the tab: the protocol that `standalone` and `webui` implement, all that the tab asks of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..runs.folder import RunFolder
from ..runs.messages import Event
from ..settings.methods import ResultKind

if TYPE_CHECKING:
    from PIL.Image import Image
    from starlette.requests import Request

CHECKPOINT_ENDINGS = (".safetensors", ".ckpt")
PROMPT_TEXTS: dict[ResultKind, str] = {
    "lora": "<lora:{name}:1>", "embedding": "{name}", "hypernetwork": "<hypernet:{name}:1>"
}  # fmt: skip


def prompt_text(kind: ResultKind, path: Path, words: Sequence[str] = ()) -> str:
    """The text for the result `path` in a prompt of the WebUI, like "<lora:my dog:1>"; "" for a checkpoint.

    words: the new words that were trained with a LoRA, which belong beside it.
    """
    own = PROMPT_TEXTS.get(kind, "").format(name=path.stem)
    return " ".join([own, *words]) if kind == "lora" else own


def belongs_to(base: Path | None) -> str:
    """Which checkpoint a result is used with, if that is known."""
    return "" if base is None else f"It belongs to the checkpoint {base.name}."


def for_diffusers(kind: ResultKind, path: Path) -> str:
    """How a checkpoint in diffusers' layout is used, in a sentence; "" for what is no such folder."""
    if kind != "checkpoint" or path.suffix in CHECKPOINT_ENDINGS:
        return ""
    return (
        "A folder for programs made with diffusers. For the WebUI make it one file with: "
        f'python -m sd_finetune convert --checkpoint "{path}" --out "{path}.safetensors"'
    )


@dataclass(frozen=True)
class BaseCheckpoint:
    """A checkpoint that training can start from. `title` is that of the host's own list.

    At most one is `loaded`: the one that the host generates with next.
    """

    title: str
    path: Path
    loaded: bool = False


@dataclass(frozen=True)
class Use:
    """How a result is used in the host; what does not apply is empty.

    sentence: to show. prompt: see prompt_text. checkpoint: title to select. base: title of the checkpoint that it was
    trained on, where the host can load that.
    """

    sentence: str
    prompt: str = ""
    checkpoint: str = ""
    base: str = ""


@dataclass(frozen=True)
class Interrogator:
    """A model of the host's own that says what is on an image.

    name: as routes take it. title: to show. missing: why it cannot be used now, with the way out, or "". ready: has it
    on the GPU while the block runs, downloads nothing, and yields what captions an upright RGB image.
    """

    name: str
    title: str
    missing: str
    ready: Callable[[], AbstractContextManager[Callable[[Image], str]]]


@dataclass(frozen=True)
class Example:
    """What a first visitor can train as it is.

    settings: a file (TOML). checkpoint: the file that comes along. place: copies that into a folder, with what a host
    needs beside it, and returns the copy.
    """

    settings: Path
    checkpoint: Path
    place: Callable[[Path], Path]


class Host(Protocol):
    """The program around the tab. Everything but `lend` and `in_turn` is quick and may be called from any thread."""

    @property
    def name(self) -> str:
        """What the tab runs in: "AUTOMATIC1111 WebUI", "Standalone"."""
        ...

    @property
    def data_folder(self) -> Path:
        """Where projects, runs and uploads are kept; made when first needed."""
        ...

    def checkpoints(self) -> list[BaseCheckpoint]:
        """What can be chosen as base checkpoint, the loaded one first."""
        ...

    def result_folder(self, kind: ResultKind) -> Path | None:
        """Where the host looks for such files; None leaves a result in its run's own output folder."""
        ...

    def unusable(self, kind: ResultKind) -> str:
        """Why the host cannot use such files, in a sentence; "" where it can."""
        ...

    def faults(self) -> list[str]:
        """What keeps training from working here, a sentence each with the way out; none when all is well."""
        ...

    def example_settings(self) -> Path | None:
        """A settings file (TOML) that a first visitor can train with as it is; None without one."""
        ...

    def example_note(self) -> str:
        """What is to be known of the example's result here, in a sentence; "" for nothing."""
        ...

    def begin_example(self) -> Path:
        """Put the example's checkpoint where the host lists it, if it is not there; its file. Raises UserError.

        Where the host cannot load it, it is put elsewhere.
        """
        ...

    def end_example(self, in_use: Collection[Path]) -> None:
        """Take away what begin_example put there, unless it is among the checkpoints `in_use`."""
        ...

    def lend(
        self, checkpoint: Path, run: RunFolder, given_up: Callable[[], bool] = ...
    ) -> AbstractContextManager[Path]:
        """Wait for the host's turn, free its VRAM and lend the weights of `checkpoint` while the block runs.

        Called in the run's own thread, and may wait long. Yields the file that the worker reads: `checkpoint` itself,
        or one with the weights that the host has loaded from it. Afterwards, and after any exception, everything is
        as it was, and the host lists what the run has saved.

        Args:
            given_up: asked again and again while it waits; True ends that.

        Raises:
            UserError: the weights cannot be lent, or it was given up.
        """
        ...

    def in_turn(self, run: RunFolder, given_up: Callable[[], bool] = ...) -> AbstractContextManager[None]:
        """Wait for the host's turn and free its VRAM while the block runs: as `lend`, but no weights are lent."""
        ...

    def interrogators(self) -> list[Interrogator]:
        """The models of the host that caption images, to be used in its turn; none where it has no such thing."""
        ...

    def accompany(self, run: RunFolder) -> AbstractContextManager[None]:
        """Take the host's turn for a worker that is at work already; the block does not wait for it.

        Afterwards everything is as after `lend`.
        """
        ...

    def show(self, event: Event, run: RunFolder) -> None:
        """An event of the current run, for the host's lists and, in the run's turn, progress bar. Must not raise."""
        ...

    def asked_to_stop(self, run: RunFolder) -> bool:
        """Whether the host's own button to interrupt was pressed in the run's turn."""
        ...

    def lists_version(self) -> int:
        """Grows when the host's lists change: the host's page has to take them over again."""
        ...

    def use(self, kind: ResultKind, path: Path, base: Path | None, words: Sequence[str] = ()) -> Use:
        """How the result `path` is used.

        Args:
            base: the checkpoint that it was trained on, if that is known.
            words: as in `prompt_text`.
        """
        ...

    def is_allowed(self, request: Request) -> bool:
        """Whether the request has the login that the host requires; True if it requires none."""
        ...
