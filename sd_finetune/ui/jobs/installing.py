"""Installs an optional package at a press of the page: a process of its own, which nobody has to wait for."""

from __future__ import annotations

import shutil
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...own_packages import folder
from ...own_packages.installation import UNFINISHED
from ...own_packages.offers import OPTIONAL, offers, why_not
from ...own_packages.start import command_of
from ...runs.follow import last_line
from ...runs.launch import kill_worker, start_process
from ...settings.gpu_driver import gpu_kind

COMMAND = command_of("sd_finetune", "install")
MOST_LINES, TAIL_BYTES = 60, 12_000
"""Of the log's end, for the page."""


class Installer:
    """One installation at a time. Nothing waits for it: whoever asks for its state looks at the process and its log.

    Args:
        log: the file of what the latest one has printed.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._package = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._unfinished = Path()
        self._stopped = False

    def start(self, package: str) -> None:
        """Install a package.

        Raises:
            UserError: it is none of those that are offered here, is installed, or another installation goes on.
        """
        if package not in OPTIONAL:
            raise UserError(f'"{package[:50]}" is not offered: choose one of {", ".join(OPTIONAL)}.')
        with self._lock:
            if self._is_running():
                raise UserError(f"{self._package} is being installed: wait until that is done, or stop it.")
            here = next(each for each in offers(gpu_kind()) if each.package == package)
            if here.state == "installed":
                raise UserError(f"{package} {here.version} is installed already: there is nothing to do.")
            if here.state == "refused":
                raise UserError(why_not(package, gpu_kind()))
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.unlink(missing_ok=True)
            self._unfinished = folder.PACKAGES / f"{UNFINISHED}{uuid.uuid4().hex[:8]}"
            self._package, self._stopped = package, False
            words = [*COMMAND, package, "--in", str(self._unfinished)]
            self._process = start_process(words, self._log)

    def stop(self) -> None:
        """End it, if one goes on; nothing of it is left."""
        with self._lock:
            process = self._process
            if process is None or not self._is_running():
                return
            self._stopped = True
            kill_worker(process)
            process.wait()
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def state(self) -> dict[str, Any] | None:
        """The latest one: `package`, whether it is `running`, the `lines` at the end of its log, why it `failed`."""
        with self._lock:
            if self._process is None:
                return None
            running = self._is_running()
            return {"package": self._package, "running": running, "lines": self._lines(), "failed": self._failure()}

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _failure(self) -> str:
        code = self._process.poll() if self._process else None
        if self._stopped:
            return f"The installation of {self._package} was stopped: nothing of it is left."
        if not code:
            return ""
        return last_line(self._log) or f"The installation of {self._package} ended with exit code {code}: try again."

    def _lines(self) -> list[str]:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
                return file.read().decode(errors="replace").splitlines()[-MOST_LINES:]
        except OSError:
            return []
