"""The libraries print nothing of their own, and leave the user's cache of models alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import Toy

ROOT = Path(__file__).parents[2]


def home_with(folder: Path, files: list[str]) -> Path:
    """A home of Hugging Face whose cache has these files."""
    (folder / "hub").mkdir(parents=True)
    for name in files:
        (folder / "hub" / name).write_text("1")
    return folder


def run_quietly(hugging_face: Path, *arguments: str) -> str:
    """What a command of ours prints on both streams; a user's cache must be as it was."""
    before = sorted(hugging_face.rglob("*"))
    caches = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in caches}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**environment, "HF_HOME": str(hugging_face)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert sorted(hugging_face.rglob("*")) == before
    return done.stdout


OF_ANOTHER_PROGRAM = ["models--other--one"]


def test_sample_prints_its_files_only(toy: Toy, tmp_path: Path) -> None:
    hugging_face = home_with(tmp_path / "hugging face", OF_ANOTHER_PROGRAM)
    out = tmp_path / "star.png"
    arguments = ["--checkpoint", str(toy.checkpoint), "--prompt", "a star", "--steps", "1", "--out", str(out)]
    assert run_quietly(hugging_face, "sd_finetune", "sample", *arguments) == f"{out}\n"


@pytest.mark.parametrize(
    ("files", "attention"), [([], "auto"), (OF_ANOTHER_PROGRAM, "sliced")], ids=["empty", "of another program"]
)
def test_the_worker_prints_nothing(toy: Toy, tmp_path: Path, files: list[str], attention: str) -> None:
    hugging_face = home_with(tmp_path / "hugging face", files)
    run = toy.run({"train.length": "1 steps", "train.attention": attention})
    assert run_quietly(hugging_face, "sd_finetune.training", str(run.path)) == ""
