"""Our training loop, a few steps at a time, so that it can take turns with something else in the same process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

from sd_finetune.runs.messages import Error
from sd_finetune.training.loop import train
from sd_finetune.training.state import Training

from .machine import wait_for

PARTS = ("prepare", "gradients", "update", "rest")
"""Of a step: its batches; forward, loss and backward; clipping and optimizer; learning rates, events, commands."""


class _NoMoreSteps(BaseException):
    """Ends the loop from within: unlike a stop, it saves nothing."""


class OurSteps:
    """`training.loop.train` in a thread of its own, which waits before each step until that is asked for."""

    def __init__(self, training: Training, device: str) -> None:
        self._device, self._failure = device, ""
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._ends, self._precise = False, False
        self._errand: Callable[[], None] | None = None
        self._marks: list[tuple[str, float]] = []
        self._watch(training)
        self._thread = threading.Thread(target=self._train, args=(training,), daemon=True)
        self._thread.start()
        self._done.acquire()

    def __call__(self, steps: int = 1) -> None:
        """Do so many steps. Raises RuntimeError where the run fails."""
        for _ in range(steps):
            self._go.release()
            self._done.acquire()
            if self._failure:
                raise RuntimeError(self._failure)
        wait_for(self._device)

    def between(self, function: Callable[[], None]) -> None:
        """Call a function in the thread of the loop, between two steps: memory costs the same in one thread only."""
        self._errand = function
        self._go.release()
        self._done.acquire()
        if self._failure:
            raise RuntimeError(self._failure)

    def parts(self, steps: int) -> dict[str, float]:
        """Do so many steps, and tell the median milliseconds of each part. It waits for the GPU after each of them."""
        self._marks.clear()
        self._precise = True
        self(steps)
        self._precise = False
        seconds: dict[str, list[float]] = {part: [] for part in PARTS}
        for (_, before), (part, now) in pairwise(self._marks):
            if part != "start":  # before which it waited for its turn
                seconds[part].append(now - before)
        return {part: 1000 * median(found or [0.0]) for part, found in seconds.items()}

    def end(self) -> None:
        """End the run, so that its memory can be freed."""
        self._ends = True
        self._go.release()
        self._thread.join()

    def _train(self, training: Training) -> None:
        try:
            outcome = train(training)
            self._failure = outcome.message if isinstance(outcome, Error) else "the run has no more steps"
        except _NoMoreSteps:
            self._failure = "the run was ended"
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
        finally:
            self._done.release()

    def _watch(self, training: Training) -> None:
        """Stop before each step, and note when its parts end."""
        of_step, finish = training.batches.of_step, training.updates.finish

        def batches(step: int) -> Iterator[Any]:
            self._mark("rest")
            self._wait_for_turn()
            self._mark("start")
            for batch in of_step(step):
                self._mark("prepare")
                yield batch
                self._mark("gradients")

        def update() -> None:
            finish()
            self._mark("update")

        training.batches.of_step = batches  # type: ignore[assignment,method-assign]
        training.updates.finish = update  # type: ignore[method-assign]

    def _wait_for_turn(self) -> None:
        """Return when a step is asked for; raise _NoMoreSteps at the end."""
        while True:
            self._done.release()
            self._go.acquire()
            if self._ends:
                raise _NoMoreSteps
            errand, self._errand = self._errand, None
            if errand is None:
                return
            errand()

    def _mark(self, ended: str) -> None:
        if self._precise:
            wait_for(self._device)
            self._marks.append((ended, time.perf_counter()))
