"""The machine that measures, and the versions with which it does."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

ROOT = Path(__file__).parents[1]
PACKAGES = ("torch", "diffusers", "transformers")


def about(device: str) -> dict[str, Any]:
    """What a results file says of its machine."""
    gpu = torch.cuda.get_device_name() if device == "cuda" else ""
    memory = torch.cuda.get_device_properties(0).total_memory if device == "cuda" else psutil.virtual_memory().total
    return {
        "machine": gpu or f"{_processor()}, {os.cpu_count()} cores, no GPU",
        "device": device,
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "threads": torch.get_num_threads(),
    }


def this_moment() -> dict[str, Any]:
    """What a results file says of each of its rows: commit, date, and how busy the machine was."""
    load = os.getloadavg()[0] if sys.platform != "win32" else 0.0
    return {"commit": commit_of(ROOT, changes=True), "date": time.strftime("%Y-%m-%d"), "load": round(load, 1)}


def file_name(machine: dict[str, Any]) -> str:
    """ "nvidia-h200.json", "amd-epyc-2-cores.json"."""
    plain = machine["machine"].replace(", no GPU", "").lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)) + ".json"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1].strip() if found else platform.machine()


def commit_of(checkout: Path, changes: bool = False) -> str:
    """The commit that is checked out, or "unknown". changes: with "+" where files were changed since."""
    marked = ["--dirty=+"] if changes else []
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--exclude=*", "--abbrev=7", *marked],
            cwd=checkout,
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def wait_for(device: str) -> None:
    """Return when the GPU has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def limited_to(gigabytes: int, device: str) -> Iterator[None]:
    """As on a card of that size; 0, or no GPU = as it is."""
    if not gigabytes or device != "cuda":
        yield
        return
    torch.cuda.set_per_process_memory_fraction(gigabytes * 1e9 / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
