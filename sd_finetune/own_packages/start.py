"""How a process of ours is started, so that it finds us whatever its Python's path is.

A Python with a `._pth` file, as the embeddable one for Windows has, ignores PYTHONPATH and all other variables of
Python's, and has neither the current folder nor a script's on its path.
"""

from __future__ import annotations

import io
import runpy
import sys

from .folder import HOME

FIND = "import sys; sys.path.insert(0, sys.argv.pop(1))"
"""The beginning of a program whose first argument is our folder."""
START = f"{FIND}; from sd_finetune.own_packages.start import start; start()"


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that does what `python -u -m MODULE ARGUMENTS` does, of a module of ours, or one on the path."""
    return [sys.executable, "-u", "-c", START, str(HOME), module, *arguments]


def start() -> None:
    """Be the process of `command_of`. Like its log, its output is UTF-8, and takes every name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
