"""Losses, learning rates and samples for TensorBoard, in the run folder."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from ..runs.folder import RunFolder
from ..runs.messages import Done, Error, Evaluation, Event, EventLog, Sample, Step, Warning_

SHOWN_OF_PROMPT = 60
"""Characters of it that name its samples."""
FLUSH_SECONDS = 10
"""After which TensorBoard can show what was written."""


class TensorBoard:
    """Writes what the events of a run tell, as they come; `show` is to be told of each.

    A run that is resumed at `first_step` takes what was written of later steps out of the curves.
    """

    def __init__(self, run: RunFolder, events: EventLog, first_step: int) -> None:
        writer_class = import_module("torch.utils.tensorboard").SummaryWriter  # takes a second to import
        self._run, self._events = run, events
        self._writer: Any = writer_class(str(run.tensorboard), purge_step=first_step + 1, flush_secs=FLUSH_SECONDS)

    def show(self, event: Event) -> None:
        """Write an event, and the rest with the last one. What cannot be written ends this with a warning."""
        if self._writer is None:
            return
        try:
            self._write(event)
        except OSError as error:
            self._writer = None
            problem = f"{self._run.tensorboard} cannot be written ({error.strerror or error})"
            self._events.append(Warning_(f"{problem}, so TensorBoard gets no more. loss.csv goes on."))

    def _write(self, event: Event) -> None:
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Evaluation):
            self._writer.add_scalar("loss/evaluation", event.loss, event.step, event.time)
        elif isinstance(event, Sample):
            pixels = np.asarray(Image.open(self._run.path / event.file).convert("RGB"))
            name = f"{event.prompt[:SHOWN_OF_PROMPT]} ({event.seed})"
            self._writer.add_image(name, pixels, event.step, event.time, dataformats="HWC")
        elif isinstance(event, Done | Error):
            self._writer.close()

    def _step(self, event: Step) -> None:
        scalars = {"loss/total": event.loss, "loss/instance": event.instance_loss}
        if event.prior_loss is not None:
            scalars["loss/prior"] = event.prior_loss
        scalars["speed/images per second"] = event.images_per_second
        scalars |= {f"learning rate/{part}": rate for part, rate in event.learning_rates.items()}
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, event.step, event.time)
