"""The tab in a WebUI: its lists, queue, progress bar and login. What differs between the kinds of them: kind.py."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modules import paths, sd_models, shared

from ...runs.find import WEBUI_DATA
from ...runs.folder import RunFolder
from ...runs.messages import Event, Saved
from ...settings.methods import ResultKind
from .. import packages
from ..host import BaseCheckpoint, Example, Interrogator, Use, belongs_to, for_diffusers, prompt_text
from ..models_in_folder import folders_of_diffusers, with_whole_models
from .example import PlacedExample
from .kind import Kind
from .lists import Lists, selected
from .login import is_logged_in
from .shown import Shown
from .turn import is_our_turn, never, turn

if TYPE_CHECKING:
    from starlette.requests import Request


class WebUI:
    """A WebUI of some kind as host."""

    def __init__(self, kind: Kind, example: Example) -> None:
        self.lists = Lists(kind)
        self.kind = kind
        self._example = PlacedExample(example, self.data_folder if kind.no_toy else self.result_folder("checkpoint"))
        self._shown = Shown()
        self._saved: dict[Path, list[Saved]] = {}

    @property
    def name(self) -> str:
        """Its kind's."""
        return self.kind.name

    @property
    def data_folder(self) -> Path:
        """In the WebUI's own data directory."""
        return Path(paths.data_path).absolute() / WEBUI_DATA

    def checkpoints(self) -> list[BaseCheckpoint]:
        """The WebUI's list, the loaded one first, with models in diffusers' layout, of which it lists the parts."""
        loaded = selected()
        infos = list(sd_models.checkpoints_list.values())  # a copy, as another thread may change the list
        bases = [BaseCheckpoint(info.title, Path(info.filename).absolute(), info is loaded) for info in infos]
        others = folders_of_diffusers(Path(paths.models_path))
        return sorted(with_whole_models(bases, others), key=lambda base: not base.loaded)

    def result_folder(self, kind: ResultKind) -> Path:
        """Where the WebUI looks for such files."""
        return self.kind.folder(kind)

    def unusable(self, kind: ResultKind) -> str:
        """By its kind."""
        return self.kind.unusable.get(kind, "")

    def faults(self) -> list[str]:
        """Packages that are missing or of a version that does not work."""
        return packages.faults()

    def example_settings(self) -> Path | None:
        """The demo's, on the toy checkpoint that comes along."""
        return self._example.settings

    def example_note(self) -> str:
        """By its kind."""
        return self.kind.no_toy

    def begin_example(self) -> Path:
        """In a folder of its own among the WebUI's checkpoints, unless it is there already or cannot be loaded."""
        placed = self._example.begin([] if self.kind.no_toy else self.checkpoints())
        self.lists.read_checkpoints()
        return placed

    def end_example(self, in_use: Collection[Path]) -> None:
        """Remove that folder; if it is loaded, another checkpoint is selected."""
        if self._example.end(in_use):
            self.lists.read_checkpoints()

    @contextmanager
    def lend(
        self, checkpoint: Path, run: RunFolder, given_up: Callable[[], bool] = never
    ) -> Generator[Path, None, None]:
        """Wait for the WebUI's queue, free its VRAM and lend the weights; both are given back in any case."""
        with self._turn_of(run, given_up), self.kind.lent(checkpoint) as weights:
            yield weights

    @contextmanager
    def in_turn(self, run: RunFolder, given_up: Callable[[], bool] = never) -> Generator[None, None, None]:
        """Wait for the WebUI's queue and free its VRAM; both are given back in any case."""
        with self._turn_of(run, given_up), self.kind.vram_freed():
            yield

    def interrogators(self) -> list[Interrogator]:
        """By its kind."""
        return self.kind.interrogators()

    @contextmanager
    def accompany(self, run: RunFolder) -> Generator[None, None, None]:
        """As `lend`, in a thread of its own."""
        ended = threading.Event()

        def hold() -> None:
            with self._turn_of(run):
                if not ended.is_set():
                    with self.kind.vram_freed():
                        ended.wait()

        threading.Thread(target=hold, name="sd-finetune-turn", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    @contextmanager
    def _turn_of(self, run: RunFolder, given_up: Callable[[], bool] = never) -> Generator[None, None, None]:
        with turn(_task(run), given_up), self._shown.turn_of(run):
            try:
                yield
            finally:
                self.lists.take_in(self._saved.pop(run.path, []))

    def show(self, event: Event, run: RunFolder) -> None:
        """In the WebUI's progress bar, live preview and console."""
        if isinstance(event, Saved):
            self._saved.setdefault(run.path, []).append(event)
        if is_our_turn(_task(run)):
            self._shown.show(event, run)

    def asked_to_stop(self, run: RunFolder) -> bool:
        """Interrupt, which the WebUI notes in one of two places."""
        return is_our_turn(_task(run)) and bool(shared.state.interrupted or shared.state.stopping_generation)

    def lists_version(self) -> int:
        """Of the lists that lists_button.py puts into the page."""
        return self.lists.version

    def use(self, kind: ResultKind, path: Path, base: Path | None, words: Sequence[str] = ()) -> Use:
        """A checkpoint is selected, all else goes into the prompt."""
        if self.kind.no_toy and base is not None and self._example.holds(base):
            return Use(self.kind.no_toy)
        if folder := for_diffusers(kind, path):
            return Use(folder)
        if kind == "checkpoint":
            return Use(f"Select {path.name} as checkpoint.", checkpoint=self._title_of(path) or self._title_to_be(path))
        prompt = prompt_text(kind, path, words)
        title = self._title_of(base) if base else ""
        return Use(f"Add {prompt} to the prompt. {belongs_to(base)}".strip(), prompt, base=title)

    def _title_of(self, path: Path) -> str:
        """The title of a checkpoint in the WebUI's list; "" if it is not there."""
        found = (base.title for base in self.checkpoints() if base.path.resolve() == path.resolve())
        return next(found, "")

    def _title_to_be(self, path: Path) -> str:
        """The title of a checkpoint that the WebUI has not listed yet: its path in the folder of checkpoints."""
        folder = self.result_folder("checkpoint").resolve()
        file = path.resolve()
        return str(file.relative_to(folder)) if file.is_relative_to(folder) else path.name

    def is_allowed(self, request: Request) -> bool:
        """Everyone who may open the WebUI's page."""
        return is_logged_in(request, shared.cmd_opts.api_auth)


def _task(run: RunFolder) -> str:
    """What the WebUI calls the job of a run."""
    return f"task(sd_finetune-{run.path.name})"
