"""A machine that optional packages are offered on, and a pip that only pretends.

Run as a program it is `python -m sd_finetune install` there, which the tests' server starts.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

TORCH = "2.9.1+cu128"
"""One that all Pythons have builds for."""
PACKAGE, VERSION = "xformers", "0.0.33.post2"
PLACE, PIP = "PRETENDED_PACKAGES", "PRETENDED_PIP"
"""Variables: where packages are put, and what pip does: "fine", "fails" or "waits"."""
MODULES = ("sd_finetune.own_packages.optional", "sd_finetune.own_packages.offers", "sd_finetune.commands.install")
ASKS_FOR_GPU = (
    "sd_finetune.commands.install",
    "sd_finetune.ui.jobs.installing",
    "sd_finetune.ui.server.package_routes",
)


def pretend_gpu(patch: Any, place: Path, pip: str = "fine") -> None:
    """patch: pytest's, or one with the same methods."""
    for module in MODULES:
        patch.setattr(f"{module}.installed_torch", lambda: TORCH)
    for module in ASKS_FOR_GPU:
        patch.setattr(f"{module}.gpu_kind", lambda: "nvidia")
    patch.setattr("sd_finetune.own_packages.optional.PROCESSORS", (platform.machine().lower(),))
    patch.setattr("sd_finetune.own_packages.folder.PACKAGES", place)
    patch.setattr("sd_finetune.own_packages.add.pip_command", lambda: [sys.executable, __file__, "pip"])
    patch.setattr("sd_finetune.own_packages.add.PROBES", {PACKAGE: "import xformers"})
    patch.setattr("sd_finetune.ui.jobs.installing.COMMAND", [sys.executable, "-u", __file__])
    patch.setenv(PLACE, str(place))
    patch.setenv(PIP, pip)


def pip(words: list[str]) -> int:
    """What pip does."""
    target, does = Path(words[words.index("--target") + 1]), os.environ[PIP]
    print(f"Collecting {PACKAGE}=={VERSION}", flush=True)
    (target / PACKAGE).mkdir()
    if does == "fails":
        print("WARNING: Retrying (Retry(total=0))\nERROR: No matching distribution found for xformers", flush=True)
        return 1
    while does == "waits":
        print("  Downloading", flush=True)
        time.sleep(0.05)
    broken = "raise ImportError('libcudart.so.12 is missing')" if does == "broken" else ""
    (target / PACKAGE / "__init__.py").write_text(broken, encoding="utf-8")
    facts = target / f"{PACKAGE}-{VERSION}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n", encoding="utf-8")
    print(f"Successfully installed {PACKAGE}-{VERSION}", flush=True)
    return 0


def main(words: list[str]) -> int:
    if words[0] == "pip":
        return pip(words[1:])
    import pytest

    from sd_finetune.__main__ import main as command

    pretend_gpu(pytest.MonkeyPatch(), Path(os.environ[PLACE]), os.environ[PIP])
    return command(["install", *words])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
