"""Which optimizers cannot be used on this machine, and why, without importing what they need."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from importlib.util import find_spec

from .optimizers import OPTIMIZERS


def missing_package(name: str) -> str:
    """The package of optimizer `name` if it is not installed, else empty."""
    package = OPTIMIZERS[name].package
    return package if package and find_spec(package) is None else ""


def needs_gpu(name: str) -> bool:
    """Whether optimizer `name`, in the version of its package that is installed, works on a GPU alone."""
    facts = OPTIMIZERS[name]
    return bool(facts.without_gpu_from) and _version(facts.package) < facts.without_gpu_from


def why_unavailable(name: str, on_gpu: bool) -> str:
    """The sentence that refuses optimizer `name`: its package is missing, or it needs a GPU; empty where neither is.

    on_gpu: whether training runs on one.
    """
    package, needs = OPTIMIZERS[name].package, f'optimizer.name = "{name}" needs'
    if missing_package(name):
        command = f"{sys.executable or 'python'} -m pip install {package}"
        return f"{needs} the package {package}, which is not installed: run {command}, or choose another optimizer."
    if needs_gpu(name) and not on_gpu:
        newer = ".".join(map(str, OPTIMIZERS[name].without_gpu_from))
        found = f"{needs} a CUDA GPU, or {package} {newer} or newer, and {metadata.version(package)} is installed"
        return f"{found}: choose another optimizer."
    return ""


def _version(package: str) -> tuple[int, ...]:
    """The numbers that an installed package's version begins with: (0, 50, 2)."""
    try:
        found = re.match(r"\d+(?:\.\d+)*", metadata.version(package))
    except metadata.PackageNotFoundError:
        return ()
    return tuple(map(int, found[0].split("."))) if found else ()
