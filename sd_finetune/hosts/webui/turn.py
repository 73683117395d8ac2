"""A turn in the WebUI's queue: while it is ours, the WebUI generates and loads nothing else."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from modules import call_queue, progress, shared

from ...errors import UserError

LOOK_SECONDS = 0.2


def never() -> bool:
    """For who would wait however long it takes."""
    return False


@contextmanager
def turn(job: str, given_up: Callable[[], bool] = never) -> Generator[None, None, None]:
    """Wait in the WebUI's queue, then be its job: what it generates waits until the block ends.

    Raises:
        UserError: `given_up` answered True before it was our turn.
    """
    progress.add_task_to_queue(job)
    try:
        with _queue_held(given_up):
            shared.state.begin(job=job)
            progress.start_task(job)
            try:
                with _reload_is_no_interrupt():
                    yield
            finally:
                progress.finish_task(job)
                shared.state.end()
                # Else the button pressed to end this job would end the next one, too.
                shared.state.interrupted = shared.state.skipped = shared.state.stopping_generation = False
    finally:
        progress.pending_tasks.pop(job, None)


def is_our_turn(job: str) -> bool:
    """Whether the WebUI works on `job`, so that its progress and its Interrupt are those of that job."""
    return progress.current_task == job


@contextmanager
def _queue_held(given_up: Callable[[], bool]) -> Generator[None, None, None]:
    place = _Place()
    while not place.reached.wait(LOOK_SECONDS):
        if given_up():
            place.leave()
            raise UserError("Canceled before it started.")
    try:
        yield
    finally:
        call_queue.queue_lock.release()


class _Place:
    """A place in the WebUI's queue, which can be left: its lock can only be waited for, so a thread does that."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._left = False
        self._deciding = threading.Lock()
        threading.Thread(target=self._wait, name="sd-finetune-queue", daemon=True).start()

    def leave(self) -> None:
        """Pass the lock on as soon as it comes."""
        with self._deciding:
            self._left = True
            if self.reached.is_set():
                call_queue.queue_lock.release()

    def _wait(self) -> None:
        call_queue.queue_lock.acquire()
        with self._deciding:
            if self._left:
                call_queue.queue_lock.release()
            else:
                self.reached.set()


@contextmanager
def _reload_is_no_interrupt() -> Generator[None, None, None]:
    """While the block runs, "Reload UI" interrupts nothing: a job of ours outlives the page."""
    interrupt, restart = shared.state.interrupt, type(shared.state).request_restart.__name__

    def interrupt_if_meant() -> None:
        if sys._getframe(1).f_code.co_name != restart:
            interrupt()

    shared.state.interrupt = interrupt_if_meant
    try:
        yield
    finally:
        del shared.state.interrupt
