"""The first process's end of the others: it starts or calls and watches them, and they end with it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ...runs.file_lock import Hold
from ...runs.folder import RunFolder
from ...runs.follow import GONE, last_line, manner_of_death
from ...runs.launch import kill_tree, start_other
from ...runs.launched import Launch
from ...runs.meeting import Meeting, new_meeting, remove_old_meetings
from ...runs.messages import Done, Error
from ...runs.snapshots import what_is_kept
from ..orders import Orders

LOST = 4
"""Exit code of a process that ended for want of another."""
NOTICE_SECONDS, SAVE_SECONDS = 5.0, 60.0
"""How long the first process may take to notice that another one has ended, and to save what it can after that."""
LOOK_SECONDS, END_SECONDS = 0.1, 10.0


class LaunchedOther:
    """A process that a launcher has started, with what `Others` uses of a subprocess.Popen."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self._meeting, self._number = meeting, number

    def poll(self) -> int | None:
        """LOST or GONE once it has ended; None while it runs, or where it has not come yet."""
        meeting, number = self._meeting, self._number
        if meeting.process(number) is None or meeting.is_here(number):
            return None
        return LOST if meeting.lost(number).exists() else GONE

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or has never come. Raises subprocess.TimeoutExpired after so many seconds."""
        until = time.monotonic() + seconds
        while self._meeting.is_here(self._number):
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("process", seconds)
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        process = self._meeting.process(self._number)
        if process is not None and self._meeting.is_here(self._number):
            kill_tree(process)


class Others:
    """The processes of a run beside the first, which makes this.

    Args:
        count: of all processes.
        arguments: more arguments of the worker, such as "--resume".
        launch: where a launcher has started them, they come when they are called; else they are started here.
    """

    def __init__(self, run: RunFolder, count: int, arguments: Sequence[str], launch: Launch | None = None) -> None:
        self._run, self.count, self.launch = run, count, launch
        self.wait_to_be_called = launch is not None
        """Whether they do not know yet which run it is, so that their launcher alone can end them."""
        remove_old_meetings()
        self.meeting = new_meeting()
        self._here: Hold | None = self.meeting.come(0)
        self._arguments = [str(run.path.absolute()), *arguments]
        self._lock = threading.Lock()
        self._ended = False
        self._processes = [self._other(number) for number in range(1, count)]

    def arguments_of(self, number: int) -> list[str]:
        """What the worker is to be started with as another process of this run."""
        return [*self._arguments, "--process", str(number), "--meeting", str(self.meeting.folder)]

    def watch(self, orders: Orders, give_up: Callable[[], None]) -> None:
        """Look from a thread whether one of them has ended, which is told by `orders`.

        Where the first process waits for it in vain, as it may on a GPU, `give_up` is called, and it ends at once.
        """
        threading.Thread(target=self._watch, args=(orders, give_up), name="other processes", daemon=True).start()

    def one_has_failed(self) -> bool:
        """Whether one has ended before it was told to."""
        return not self._ended and any(process.poll() is not None for process in self._processes)

    def error(self) -> Error:
        """The last event of a run one of whose processes has failed."""
        return Error(message=f"{self.why()}{what_is_kept(self._run)}")

    def why(self) -> str:
        """A sentence about the one that failed; what it printed goes to the log of this one.

        Where none says more than that it lost the others, as where NCCL cannot connect GPUs, that is of all of them.
        """
        until = time.monotonic() + NOTICE_SECONDS
        while time.monotonic() < until:  # one that is about to end may not have ended yet
            for number, process in enumerate(self._processes, start=1):
                code = process.poll()
                if code is not None and code != LOST:
                    return self._sentence(number, code)
            time.sleep(LOOK_SECONDS)
        for number in range(1, self.count):
            self._print_log_of(number)
        return "The run's processes have lost each other: start the run again, or set train.devices to 1."

    def end(self) -> None:
        """End them, and return when they are gone, so that their GPUs are free."""
        with self._lock:
            self._ended = True
        self._end()

    def _end(self) -> None:
        if self._here is not None:
            self._here.release()
        for process in self._processes:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self.meeting.remove()

    def _other(self, number: int) -> LaunchedOther | subprocess.Popen[bytes]:
        if self.launch is not None:
            return LaunchedOther(self.meeting, number)
        return start_other(self.arguments_of(number), self.meeting.log(number))

    def _watch(self, orders: Orders, give_up: Callable[[], None]) -> None:
        while not self.one_has_failed():
            if self._ended:
                return
            time.sleep(LOOK_SECONDS)
        orders.lose_a_process()
        time.sleep(NOTICE_SECONDS)
        if orders.are_settled():
            time.sleep(SAVE_SECONDS)
        with self._lock:
            if not self._ended:
                give_up()
                self._end()
                os._exit(1)

    def _sentence(self, number: int, code: int) -> str:
        self._print_log_of(number)
        with suppress(OSError):
            said = self.meeting.sentence(number).read_text(encoding="utf-8")
            return f"On device {number + 1} of {self.count}: {said}"
        line = last_line(self.meeting.log(number))
        output = f'; its last output was "{line}"' if line else ""
        return f"The process of device {number + 1} of {self.count} {manner_of_death(code)}{output}."

    def _print_log_of(self, number: int) -> None:
        with suppress(OSError):
            print(self.meeting.log(number).read_text(encoding="utf-8", errors="replace"))


def unless_one_has_failed(stopped: Done, others: Others | None) -> Done | Error:
    """The last event of a run that was told to stop, which a launcher does too where another process has failed."""
    return others.error() if others and others.one_has_failed() else stopped
