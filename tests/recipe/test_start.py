"""From process start to the first step: what is imported is what is needed, and files are read once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sd_finetune.formats.hashes import file_hashes
from tests.toy import Toy

ROOT = Path(__file__).parents[2]
UNNEEDED = {
    "bitsandbytes",
    "flax",
    "jax",
    "matplotlib",
    "peft",
    "scipy",
    "sklearn",
    "skimage",
    "tensorboard",
    "tensorflow",
}
COMPILER = {"torch._dynamo", "torch._inductor", "torch.onnx", "sympy"}
IMPORTED_BY_TORCH_2_1 = {"sympy", "torch.onnx"}


def imported(report: str) -> set[str]:
    """The modules in what Python reports with PYTHONPROFILEIMPORTTIME, and their packages."""
    modules = re.findall(r"^import time:.*\| +([\w.]+)$", report, re.MULTILINE)
    return {".".join(module.split(".")[:depth]) for module in modules for depth in (1, 2)}


def test_a_run_imports_what_it_needs(toy: Toy, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"version = 3\nmethod = 'lora'\n[base]\ncheckpoint = {str(toy.checkpoint)!r}\n[output]\nname = 'toy'\n"
        "[train]\nlength = '1 steps'\ndevice = 'cpu'\n[prior]\nweight = 0\n[data]\nresolution = 72\n"
        "[samples]\nprompts = ['a star']\nsteps = 1\n"
        f"[[concepts]]\nfolder = {str(toy.images)!r}\ninstance_prompt = 'a photo of sks star'\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "sd_finetune", "train", str(settings), "--runs", str(tmp_path / "runs")]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    (log,) = tmp_path.glob("runs/*/worker.log")
    by_command, by_worker = imported(done.stderr), imported(log.read_text(encoding="utf-8"))
    assert "sd_finetune" in by_command
    assert not by_command & {"torch", "accelerate", "diffusers"}
    assert {"torch", "diffusers", "transformers"} <= by_worker
    allowed = IMPORTED_BY_TORCH_2_1 if torch.__version__.startswith("2.1.") else set[str]()
    assert by_worker & (UNNEEDED | COMPILER) <= allowed | {"torch._dynamo"}
    dynamo = set(re.findall(r"\| +(torch\._dynamo[\w.]*)$", log.read_text(encoding="utf-8"), re.MULTILINE))
    assert dynamo <= {"torch._dynamo.external_utils"}


def test_the_base_checkpoint_is_hashed_once(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def hashes(path: Path) -> tuple[str, str]:
        read.append(path)
        return file_hashes(path)

    for module in ("metadata", "known_hashes"):
        monkeypatch.setattr(f"sd_finetune.formats.{module}.file_hashes", hashes)
    with_class_images = {"prior.weight": 1.0, "class_images.cache_folder": str(toy.home / "hashed once")}
    for _ in range(2):
        training = toy.train({"train.length": "1 steps", **with_class_images})
        assert training.base_facts.sha256 == file_hashes(toy.checkpoint)[1]
        assert training.base_facts.old_hash == file_hashes(toy.checkpoint)[0]
    assert read == [toy.checkpoint]
