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

from tests.parity import files_of_all_kinds

REPO = Path(__file__).parents[2]
SCRIPT = files_of_all_kinds.__name__


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


def run_there(what: str, folder: Path) -> None:
    done = subprocess.run(
        [str(OTHERS[0]), "-m", SCRIPT, what, str(folder)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"torch {torch.__version__}" not in done.stdout, "it is another torch"


@NEEDS_ANOTHER
def test_what_is_written_here_is_read_there(tmp_path: Path) -> None:
    files_of_all_kinds.write(tmp_path)
    run_there("check", tmp_path)


@NEEDS_ANOTHER
def test_what_is_written_there_is_read_here(tmp_path: Path) -> None:
    run_there("write", tmp_path)
    files_of_all_kinds.check(tmp_path)
