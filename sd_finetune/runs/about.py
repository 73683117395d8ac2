"""Which versions a run is made with, without importing any of the packages."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from .. import __version__

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "Pillow", "numpy")
"""Packages whose versions can change what a run computes or whether it works."""


def about() -> dict[str, Any]:
    """Versions of SD Fine-Tune, Python and `PACKAGES` (None where one is not installed), and the operating system."""
    return {
        "sd_finetune": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed_version(name) for name in PACKAGES},
    }


def installed_version(name: str) -> str | None:
    """The installed version of a package, None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
