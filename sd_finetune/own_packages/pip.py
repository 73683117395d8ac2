"""How pip is called, so that no setting of the user's leads its files elsewhere."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_NO_BINARY")
"""They say where and what to install into the host's Python, which this is not. Indexes and proxies stay."""
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONIOENCODING": "utf-8"}
RETRIES = "2"
"""Without a network a WebUI waits for each of them."""
ERROR, UNEXPECTED = "ERROR: ", "Exception:"


def pip_command() -> list[str] | None:
    """pip of this Python, or else the one that comes with Python's library to be installed; None without either."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    ensurepip = find_spec("ensurepip")
    bundled = Path(ensurepip.origin).parent / "_bundled" if ensurepip and ensurepip.origin else Path()
    wheels = sorted(bundled.glob("pip-*.whl"))
    return [sys.executable, str(wheels[-1] / "pip")] if wheels else None


def source_options(wheels: Path | None = None) -> list[str]:
    """Where pip gets packages: from a folder with their files, from where a WebUI gets its own, or from PyPI."""
    if wheels is not None:
        return ["--no-index", "--find-links", str(wheels.absolute())]
    index = os.environ.get("INDEX_URL")
    return ["--index-url", index] if index else []


def environment() -> dict[str, str]:
    """The environment that pip gets."""
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    return {"PIP_RETRIES": RETRIES, **kept, **QUIET}


def last_error(output: str) -> str:
    """What pip gives as reason at its end; "" if nothing. Of what it did not expect that is a traceback's last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = [line.removeprefix(ERROR).rstrip(".") for line in lines if line.startswith(ERROR)]
    return lines[-1] if said and said[-1] == UNEXPECTED else said[-1] if said else ""
