"""Files that are made with one torch and read with another: ours and the WebUI's.

The other version is that of the environment that `install.py test` makes for the other set of versions, if it is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

REPO = Path(__file__).parents[2]
SCRIPT = "tests.parity.files_of_all_kinds"


def python_of(environment: str) -> Path:
    return REPO / environment / "bin" / "python"


OTHERS = [
    python_of(environment)
    for environment in (".venv", ".venv-webui")
    if (REPO / environment / "installed.json").exists() and Path(sys.prefix).resolve() != (REPO / environment).resolve()
]
NEEDS_ANOTHER = pytest.mark.skipif(
    not OTHERS, reason="there is no environment with another torch: run install.py test with both --pins"
)


def run(python: str | Path, what: str, folder: Path) -> str:
    done = subprocess.run(
        [str(python), "-m", SCRIPT, what, str(folder)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@NEEDS_ANOTHER
def test_what_is_written_here_is_read_there(tmp_path: Path) -> None:
    run(sys.executable, "write", tmp_path)
    said = run(OTHERS[0], "check", tmp_path)
    assert f"torch {torch.__version__}" not in said, "it is another torch"


@NEEDS_ANOTHER
def test_what_is_written_there_is_read_here(tmp_path: Path) -> None:
    run(OTHERS[0], "write", tmp_path)
    assert f"torch {torch.__version__}" in run(sys.executable, "check", tmp_path)
