"""Which versions a run is made with, without importing any of the packages."""

from __future__ import annotations

import platform
from typing import Any

from .. import __version__
from ..own_packages.find import installed_version

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "Pillow", "numpy")
"""Packages whose versions can change what a run computes or whether it works."""


def about() -> dict[str, Any]:
    """Versions of SD Fine-Tune, Python, the system and, as the worker finds them, `PACKAGES` (None: not installed)."""
    return {
        "sd_finetune": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed_version(name) for name in PACKAGES},
    }
