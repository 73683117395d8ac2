"""The first process's end of the others: it starts and watches them, and they end with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ...runs.folder import RunFolder
from ...runs.follow import last_line, manner_of_death
from ...runs.launch import start_other

LOST = 4
"""Exit code of a process that ended for want of another."""
NOTICE_SECONDS, SAVE_SECONDS = 5.0, 60.0
"""How long the first process may take to notice that another one has ended, and to save what it can after that."""
LOOK_SECONDS = 0.1
END_SECONDS = 10.0


def sentence_file(meeting: Path, number: int) -> Path:
    """Where a process leaves the sentence about its error."""
    return meeting / f"error-{number}.txt"


def log_file(meeting: Path, number: int) -> Path:
    """Where a process prints to."""
    return meeting / f"process-{number}.log"


class Others:
    """The processes of a run beside the first, which calls this.

    Args:
        count: of all processes.
        arguments: more arguments of the worker, such as "--resume".
    """

    def __init__(self, run: RunFolder, count: int, arguments: Sequence[str]) -> None:
        self.count = count
        self.meeting = Path(tempfile.mkdtemp(prefix="sd-finetune-"))
        self._lock = threading.Lock()
        self._noticed = self._ended = False
        self._processes = [
            start_other(run, number, self.meeting, log_file(self.meeting, number), *arguments)
            for number in range(1, count)
        ]

    def watch(self, give_up: Callable[[], None]) -> None:
        """Look from a thread whether one of them has ended.

        Where the first process waits for it in vain, as it may on a GPU, `give_up` is called, and it ends at once.
        """
        threading.Thread(target=self._watch, args=(give_up,), name="other processes", daemon=True).start()

    def notice(self) -> None:
        """The first process knows that another one has ended, and saves what it can."""
        self._noticed = True

    def why(self) -> str:
        """A sentence about the one that failed."""
        until = time.monotonic() + NOTICE_SECONDS
        while True:  # one that is about to end may not have ended yet
            for number, process in enumerate(self._processes, start=1):
                code = process.poll()
                if code is not None and code != LOST:
                    return self._sentence(number, code)
            if time.monotonic() >= until:
                return "The run's processes have lost each other: start the run again, or set train.devices to 1."
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """End them, and return when they are gone, so that their GPUs are free."""
        with self._lock:
            self._ended = True
        for process in self._processes:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        for process in self._processes:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.meeting, ignore_errors=True)

    def _watch(self, give_up: Callable[[], None]) -> None:
        while not self._one_has_ended():
            time.sleep(LOOK_SECONDS)
        time.sleep(NOTICE_SECONDS)
        if self._noticed:
            time.sleep(SAVE_SECONDS)
        with self._lock:
            if not self._ended:
                give_up()
                os._exit(1)

    def _one_has_ended(self) -> bool:
        return any(process.poll() is not None for process in self._processes)

    def _sentence(self, number: int, code: int) -> str:
        """Of process `number`; what it printed goes to the log of this one."""
        with suppress(OSError):
            print(log_file(self.meeting, number).read_text(encoding="utf-8", errors="replace"))
        with suppress(OSError):
            said = sentence_file(self.meeting, number).read_text(encoding="utf-8")
            return f"On device {number + 1} of {self.count}: {said}"
        line = last_line(log_file(self.meeting, number))
        output = f'; its last output was "{line}"' if line else ""
        return f"The process of device {number + 1} of {self.count} {manner_of_death(code)}{output}."
