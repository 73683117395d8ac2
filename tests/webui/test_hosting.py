"""WebUI v1.10.1 before, while and after we have its turn: what it draws is the same to the bit."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.formats.checkpoint import Checkpoint
from sd_finetune.formats.tensor_file import write_tensors
from tests.webui.as_before import PROMPT, assert_as_before, pictures_before, write_noise
from tests.webui.tab import Tab
from tests.webui.webui import WebUI


@pytest.fixture(scope="module")
def loaded(webui: WebUI) -> Path:
    return webui.checkpoints / TOY_CHECKPOINT.name


@pytest.fixture(scope="module")
def lora(webui: WebUI) -> None:
    """A LoRA called "noise" that changes pictures."""
    write_noise(webui)


@pytest.fixture
def pictures(webui: WebUI, lora: None) -> dict[str, np.ndarray]:
    """Drawn before."""
    return pictures_before(webui)


def digest(tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype}".encode() + tensors[name].float().numpy().tobytes())
    return found.hexdigest()


def lend(webui: WebUI, checkpoint: Path, **more: Any) -> Any:
    return webui.post("/test/lend", {"checkpoint": str(checkpoint), "run": str(webui.data / "toy-001"), **more})


def test_what_is_lent_is_the_checkpoint_to_the_bit(
    webui: WebUI, loaded: Path, base: Checkpoint, pictures: dict[str, np.ndarray]
) -> None:
    told = lend(webui, loaded)
    assert told["tensors"] == digest(base.tensors), "although a LoRA had changed the loaded weights"
    assert Path(told["file"]).parts[:3] == ("/", "dev", "shm")
    assert told["gone"]
    assert told["waits"], "nobody else draws meanwhile"
    assert (told["job"], told["job afterwards"]) == ("task(sd_finetune-toy-001)", "")
    assert_as_before(webui, pictures)


def test_an_exception_gives_everything_back(webui: WebUI, loaded: Path, pictures: dict[str, np.ndarray]) -> None:
    told = lend(webui, loaded, **{"raise": True})
    assert (told["raised"], told["gone"], told["job afterwards"]) == ("in the middle", True, "")
    assert_as_before(webui, pictures)


def test_another_vae_is_not_lent_for_the_checkpoints_own(
    webui: WebUI, loaded: Path, base: Checkpoint, tmp_path: Path
) -> None:
    other = {name: tensor.float() * 1.05 for name, tensor in base.tensors.items() if name.startswith("first_stage_m")}
    file = tmp_path / "other.safetensors"
    write_tensors(file, {name.removeprefix("first_stage_model."): tensor for name, tensor in other.items()}, {})
    before = webui.draw(PROMPT)
    webui.post("/test/vae", {"file": str(file)})
    try:
        changed = webui.draw(PROMPT)
        assert not np.array_equal(changed, before)
        assert lend(webui, loaded)["tensors"] == digest(base.tensors)
        assert np.array_equal(webui.draw(PROMPT), changed)
    finally:
        webui.post("/test/vae", {"file": None})
    assert np.array_equal(webui.draw(PROMPT), before)


def test_of_a_checkpoint_that_is_not_loaded_the_file_is_read(webui: WebUI, loaded: Path) -> None:
    other = loaded.with_name("copy.safetensors")
    shutil.copy(loaded, other)
    try:
        assert lend(webui, other)["file"] == str(other)
    finally:
        other.unlink()


def test_a_killed_worker_leaves_the_webui_as_it_was(
    webui: WebUI, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    tab = Tab(webui, "killed", tmp_path, length="100000 steps")
    tab.wait_for_step()
    os.kill(json.loads((tab.folder / "worker.json").read_text())["pid"], signal.SIGKILL)
    tab.wait()
    assert tab.events()[-1]["kind"] == "error"
    assert_as_before(webui, pictures)
    assert webui.process is not None
    assert not list(Path("/dev/shm").glob(f".sd-finetune.*-{webui.process.pid}-*")), "the lent weights are gone"
