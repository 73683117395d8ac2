"""Reports steps as soon as their losses are known, without waiting for the GPU while it computes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.loss import LossParts
from ..errors import NotFiniteError
from ..optimizers.optimizer import Rate
from ..runs.messages import Step
from ..vram.spill import SpillWatch
from .device import Arriving, forget_peak, memory_in_use, room_of
from .output.not_finite import loss_not_finite
from .pace import Pace
from .state import Training

MOST_AHEAD = 4
"""Steps that are given to the GPU before it is waited for: enough that it never waits, and stopping stays quick."""


@dataclass(frozen=True)
class _Given:
    """A step that was given to the GPU. step: 0 is the first."""

    step: int
    numbers: Arriving
    """The losses, total, instance and prior, and those learning rates that the GPU computes."""
    learning_rates: Mapping[str, Rate]


class StepReports:
    """The events of a run's steps, in order. On a CPU each is reported at once."""

    def __init__(self, training: Training) -> None:
        self._training, self._pace = training, Pace()
        self._spill = SpillWatch(lambda: room_of(training.accelerator.device), training.warn)
        self._given: deque[_Given] = deque()
        self._something_else_was_done = True

    def begin(self) -> None:
        """A step begins; what happens before the next `add` is its time."""
        if self._something_else_was_done:  # class images or samples, whose memory is not that of steps
            forget_peak(self._training.accelerator.device)
        self._something_else_was_done = False
        self._pace.start()

    def add(self, step: int, losses: LossParts, learning_rates: Mapping[str, Rate], images: int) -> None:
        """Report this step once its losses are known, and now those that are.

        Raises:
            NotFiniteError: one of them is NaN or infinite.
        """
        computed = [rate for rate in learning_rates.values() if isinstance(rate, Tensor)]
        self._given.append(_Given(step, Arriving(torch.stack([*losses, *computed])), learning_rates))
        if len(self._given) > MOST_AHEAD:
            self._given[0].numbers.wait()
        self._spill.step(self._pace.stop(images))
        while self._given and self._given[0].numbers.has_arrived():
            self._report(self._given.popleft())

    def wait(self) -> None:
        """Report all steps, before something else is done. Raises NotFiniteError as `add` does."""
        self._something_else_was_done = True
        if self._given:
            self._pace.start()
            self._given[-1].numbers.wait()
            self._pace.prolong()
        while self._given:
            self._report(self._given.popleft())

    def _report(self, given: _Given) -> None:
        training = self._training
        total, instance, prior, *computed = given.numbers.wait()
        arrived = iter(computed)
        event = Step(
            step=given.step + 1,
            total_steps=training.total_steps,
            epoch=given.step // training.batches.steps_per_epoch,
            loss=total,
            instance_loss=instance,
            prior_loss=prior if training.has_prior else None,
            learning_rates={
                name: next(arrived) if isinstance(rate, Tensor) else rate for name, rate in given.learning_rates.items()
            },
            images_per_second=self._pace.images_per_second(),
            seconds_left=self._pace.seconds_left(training.total_steps - given.step - 1),
            memory_bytes=memory_in_use(training.accelerator.device),
        )
        training.record(event)
        if not math.isfinite(event.loss):
            raise NotFiniteError(loss_not_finite(training, event))
