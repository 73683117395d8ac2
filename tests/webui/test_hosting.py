"""The WebUI before, while and after we have its turn: what it draws is the same to the bit."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.lora_targets import lora_targets
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import Checkpoint
from sd_finetune.formats.lora import LoraModule, write_lora
from sd_finetune.formats.tensor_file import write_tensors
from tests.webui.tab import RUN_SECONDS, Tab
from tests.webui.webui import WebUI

PROMPT = "a photo of a small red circle on a navy background"
WITH_LORA = f"{PROMPT} <lora:noise:1>"


@pytest.fixture(scope="module")
def loaded(webui: WebUI) -> Path:
    return webui.checkpoints / TOY_CHECKPOINT.name


@pytest.fixture(scope="module")
def lora(webui: WebUI, base: Checkpoint) -> None:
    """A LoRA called "noise" that changes pictures."""
    from tests.webui.conftest import ready

    generator = torch.Generator().manual_seed(3)
    layers = {
        lora_name("unet", path): LoraModule(
            0.1 * torch.randn(2, *layer.weight.shape[1:], generator=generator),
            0.1 * torch.randn(layer.weight.shape[0], 2, *[1] * (layer.weight.dim() - 2), generator=generator),
            alpha=2,
        )
        for path, layer in lora_targets("unet", ready(base).unet).items()
    }
    write_lora(webui.loras / "noise.safetensors", layers, {})


@pytest.fixture
def pictures(webui: WebUI, lora: None) -> dict[str, np.ndarray]:
    """Drawn before; the LoRA's last, so that the loaded weights are changed by it."""
    drawn = {prompt: webui.draw(prompt) for prompt in (PROMPT, WITH_LORA)}
    assert not np.array_equal(drawn[PROMPT], drawn[WITH_LORA])
    return drawn


def assert_as_before(webui: WebUI, pictures: Mapping[str, np.ndarray]) -> None:
    for prompt, picture in [*pictures.items(), *reversed(pictures.items())]:
        assert np.array_equal(webui.draw(prompt), picture), prompt


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


def test_a_run_leaves_the_webui_as_it_was(
    webui: WebUI, pictures: dict[str, np.ndarray], model: DiffusionModel, tmp_path: Path
) -> None:
    tab = Tab(webui, "whole", tmp_path, length="2 steps", unet_learning_rate=0.05)
    assert tab.start["host"] == "AUTOMATIC1111 WebUI"
    assert tab.start["faults"] == []
    assert tab.start["checkpoints"][0]["loaded"]
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    assert_as_before(webui, pictures)
    assert (webui.loras / "whole.safetensors").is_file()
    assert not np.array_equal(webui.draw(f"{PROMPT} <lora:whole:1>"), pictures[PROMPT]), "it is there without a restart"


def test_a_killed_worker_leaves_the_webui_as_it_was(
    webui: WebUI, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    tab = Tab(webui, "killed", tmp_path, length="100000 steps")
    tab.wait_for_step()
    os.kill(json.loads((tab.folder / "worker.json").read_text())["pid"], signal.SIGKILL)
    tab.wait()
    assert tab.events()[-1]["kind"] == "error"
    assert_as_before(webui, pictures)
    assert not list(Path("/dev/shm").glob("sd-finetune-*")), "the lent weights are gone"


def test_who_generates_meanwhile_waits_and_interrupt_ends_the_run(
    webui: WebUI, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    tab = Tab(webui, "long", tmp_path, length="100000 steps")
    tab.wait_for_step()
    with ThreadPoolExecutor() as pool:
        drawn = pool.submit(webui.draw, PROMPT)
        step = tab.status()["step"]["step"]
        time.sleep(3)
        assert not drawn.done()
        assert tab.status()["step"]["step"] > step, "training goes on meanwhile"
        webui.post("/sdapi/v1/interrupt")
        assert np.array_equal(drawn.result(RUN_SECONDS), pictures[PROMPT]), "the picture itself is not interrupted"
    tab.wait()
    assert tab.events()[-1]["outcome"] == "stopped"
    assert (webui.loras / "long.safetensors").is_file()
