"""Shows a run's events: a progress bar on a terminal, else plain lines."""

from __future__ import annotations

import shutil
import time
from typing import Any, TextIO

from tqdm import tqdm

from ..counted import counted
from .messages import Done, Evaluation, Event, Phase, Sample, Saved, Step, Warning_

BAR = "{desc} |{bar}| {n_fmt}/{total_fmt}{postfix}"


class Progress:
    """`show` each event on `stream`; use it in a `with` block, which closes the bar.

    Args:
        seconds_between_lines: interval of progress lines where there is no terminal.
    """

    def __init__(self, stream: TextIO, seconds_between_lines: float = 10.0) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._seconds_between_lines = seconds_between_lines
        self._last_line = 0.0
        self._phase = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close_bar()

    def show(self, event: Event) -> None:
        """Show one event, except for an Error, which is left to the caller."""
        if isinstance(event, Phase):
            self._advance(event.name, event.done, event.total, "")
        elif isinstance(event, Step):
            # The bar must fit into 80 columns, so the class loss is in plain lines only.
            self._advance("training", event.step, event.total_steps, step_text(event, with_prior=not self._live))
        elif text := event_text(event):
            tqdm.write(text, file=self._stream)
            self._stream.flush()

    def _advance(self, phase: str, done: int, total: int, text: str) -> None:
        if self._live:
            self._move_bar(phase, done, total, text)
        elif phase != self._phase or self._is_due(done == total):
            self._last_line = time.monotonic()
            print(f"{phase}: {done} of {total}  {text}".rstrip(), file=self._stream, flush=True)
        self._phase = phase

    def _is_due(self, is_last: bool) -> bool:
        return is_last or time.monotonic() - self._last_line >= self._seconds_between_lines

    def _move_bar(self, phase: str, done: int, total: int, text: str) -> None:
        if self._bar is None or phase != self._phase:
            self._close_bar()
            self._bar = tqdm(total=total, desc=phase, file=self._stream, bar_format=BAR)
        size = shutil.get_terminal_size()  # tqdm's own way shows nothing on a terminal of unknown size
        self._bar.ncols, self._bar.nrows = size.columns - 1, size.lines
        self._bar.n, self._bar.total = done, total
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.refresh()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def step_text(step: Step, with_prior: bool = True) -> str:
    """Loss, speed and time left, as in "loss 0.1234 (class 0.0567) · 2.9 images/s · 04:31 left"."""
    prior = f" (class {step.prior_loss:.4f})" if with_prior and step.prior_loss is not None else ""
    left = tqdm.format_interval(step.seconds_left)
    return f"loss {step.loss:.4f}{prior} · {step.images_per_second:.1f} images/s · {left} left"


def event_text(event: Event) -> str:
    """The line of an event that has one, else ""."""
    if isinstance(event, Evaluation):
        return f"evaluation loss after {counted(event.step, 'step')}: {event.loss:.4f}"
    if isinstance(event, Sample):
        return f"sample after {counted(event.step, 'step')}: {event.file}"
    if isinstance(event, Saved):
        return f"saved {event.result}: {event.path}"
    if isinstance(event, Warning_):
        return f"warning: {event.message}"
    if isinstance(event, Done):
        return f"{event.outcome} after {counted(event.step, 'step')}" + (f". {event.reason}" if event.reason else "")
    return ""
