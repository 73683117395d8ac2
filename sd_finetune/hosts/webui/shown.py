"""What the WebUI shows of the run whose turn it is: in its progress bar, its live preview and its console."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

from modules import shared
from PIL import Image

from ...runs.folder import RunFolder
from ...runs.messages import Event, Phase, Sample, Step
from ...runs.progress import Progress

NO_CONSOLE = (OSError, ValueError)
"""What printing raises where the console was closed or lacks a letter."""


class Shown:
    """To be used within `turn_of`."""

    def __init__(self) -> None:
        self._console: Progress | None = None

    @contextmanager
    def turn_of(self, run: RunFolder) -> Generator[None, None, None]:
        """The console begins with the run's name, as with the prompt of an image, and ends its bar."""
        if shared.cmd_opts.disable_console_progressbars:
            yield
            return
        with suppress(*NO_CONSOLE):
            print(f"\nSD Fine-Tune: {run.path.name}", file=shared.progress_print_out)
        self._console = Progress(shared.progress_print_out)
        try:
            yield
        finally:
            with suppress(*NO_CONSOLE), self._console:
                self._console = None

    def show(self, event: Event, run: RunFolder) -> None:
        """An event of the run."""
        if self._console is not None:
            with suppress(*NO_CONSOLE):
                self._console.show(event)
        state = shared.state
        if isinstance(event, Step):
            state.job_count, state.sampling_step, state.sampling_steps = 1, event.step, event.total_steps
            state.textinfo = f"SD Fine-Tune: step {event.step} of {event.total_steps}"
        elif isinstance(event, Phase):
            far = f" {event.done} of {event.total}" if event.total > 1 else ""
            state.textinfo = f"SD Fine-Tune: {event.name}{far}"
        elif isinstance(event, Sample):
            try:
                state.assign_current_image(Image.open(run.path / event.file).convert("RGB"))
            except OSError:  # the preview is only a preview
                return
