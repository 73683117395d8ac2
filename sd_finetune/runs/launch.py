"""Starts and kills the worker process of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from ..own_packages.start import command_of
from .atomic import cannot_write
from .folder import RunFolder
from .launched import Launch, without_launch
from .messages import command_position

WORKER = "sd_finetune.training"

MAC = {"PYTORCH_ENABLE_MPS_FALLBACK": "1"} if sys.platform == "darwin" else {}
"""On a Mac torch computes on the CPU what its GPU cannot, as it does in the WebUI."""


def apart() -> int:
    """The creationflags of a process that hears nothing of what happens here: on Windows in place of start_new_session.

    The group keeps Ctrl+C away, and a hidden console of its own keeps it from being ended as this one's is closed.
    """
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def start_worker(
    folder: RunFolder,
    *arguments: str,
    commands_since: int | None = None,
    owned: bool = True,
    launch: Launch | None = None,
) -> subprocess.Popen[bytes]:
    """Start the worker of a run in a process group of its own: neither Ctrl+C nor a closed terminal here reaches it.

    Everything it prints goes to the end of the run's worker.log.

    Args:
        arguments: more arguments of the worker, such as "--resume".
        commands_since: the byte of the commands file at which its own begin; by default those sent from now on.
        owned: it ends when the run has no owner any more (see `owner`); else it goes on by itself.
        launch: this process's place among those that a launcher started, which do the run together; None: alone.
    """
    since = command_position(folder.commands) if commands_since is None else commands_since
    more = ["--commands-since", str(since), *(["--owned"] if owned else [])]
    command = command_of(WORKER, str(folder.path), *arguments, *more)
    return start_process(command, folder.log, launch.variables if launch else None)


def start_other(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start one more process of a run, from its worker, in whose group it is; what it prints goes to the file `log`.

    arguments: of the worker.
    """
    with log.open("wb") as file:
        return subprocess.Popen(
            command_of_other(arguments),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=_environment(),
        )


def command_of_other(arguments: Sequence[str]) -> list[str]:
    """The command of `start_other`."""
    return command_of(WORKER, *arguments)


def seeing_one_gpu(number: int) -> dict[str, str]:
    """The environment in which there is one GPU: of those that this process sees, from 0."""
    name = "HIP_VISIBLE_DEVICES" if os.environ.get("HIP_VISIBLE_DEVICES") else "CUDA_VISIBLE_DEVICES"
    seen = os.environ.get(name, "").split(",")
    return {name: seen[number].strip() if number < len(seen) and seen[number] else str(number)}


def start_process(command: list[str], log: Path, variables: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it prints goes to the end of the file `log`.

    variables: more of its environment.

    Raises:
        CannotWriteError: the log cannot be opened.
    """
    try:
        file = log.open("ab")
    except OSError as error:
        raise cannot_write(log, error) from error
    with file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**_environment(), **(variables or {})},
            start_new_session=True,
            creationflags=apart(),
        )


def kill_worker(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and all processes that it started, without saving."""
    if sys.platform == "win32":
        kill_tree(process.pid)
    elif process.poll() is None:
        with suppress(ProcessLookupError):  # it may end in between
            os.killpg(process.pid, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """Kill a process and those that it and they have started, children first."""
    with suppress(psutil.Error):  # it may end in between
        for each in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _environment() -> dict[str, str]:
    """With this package on PYTHONPATH, for what the worker starts; logs are UTF-8 and take every name."""
    package_home = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    paths = f"{package_home}{os.pathsep}{known}" if known else package_home
    own = {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8:backslashreplace"}
    return {**MAC, **without_launch(os.environ), **own}
