"""The weights of an SDXL that the WebUI has loaded: its text encoders are wrapped, and in its state twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.sdxl.keys import TEXT_2
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.hosts.a1111 import weights as a1111_weights
from sd_finetune.hosts.a1111.weights import in_ram
from tests.unit.families.sdxl.test_family import SMALL, random_parts
from tests.unit.formats.test_checkpoint import all_bits, rewrite

SCALE = f"{TEXT_2}logit_scale"
LEFT = {"conditioner.embedders.0.logit_scale": torch.tensor(4.6), "denoiser.sigmas": torch.arange(5.0)}
"""What the WebUI does not load."""


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ram").mkdir()
    monkeypatch.setattr(a1111_weights, "RAM_FOLDER", tmp_path / "ram")
    path = tmp_path / "base.safetensors"
    new_checkpoint(path, FAMILY, SMALL, random_parts(SMALL))
    rewrite(path, lambda tensors: tensors.update(LEFT))
    return path


def as_loaded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As in the real state of v1.10.1, in half precision, which is less than that of the file's logit scale."""
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name in LEFT or not tensor.numel():
            continue
        wrapped = name.replace(".token_embedding.", ".token_embedding.wrapped.")
        for number in "01":
            wrapped = wrapped.replace(f"embedders.{number}.", f"embedders.{number}.wrapped.")
        state[wrapped] = tensor.half() if tensor.is_floating_point() else tensor
        if wrapped.startswith("conditioner."):
            state[wrapped.replace("conditioner.", "cond_stage_model.", 1)] = state[wrapped]
    return {**state, "denoiser.sigmas": torch.zeros(1000).half()}


def test_the_file_in_ram_is_the_checkpoint(checkpoint: Path) -> None:
    base = read_checkpoint(checkpoint)
    assert base.tensors[SCALE].dtype == torch.float32
    with in_ram(checkpoint, as_loaded(base.tensors)) as file:
        assert file is not None
        assert all_bits(file) == all_bits(checkpoint), "what is not a weight too"
        assert read_checkpoint(file).architecture == base.architecture, "without a .yaml beside it"


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_the_file_is_read_where_other_weights_are_loaded(checkpoint: Path, part: str) -> None:
    base = read_checkpoint(checkpoint)
    name = next(iter(base.places[part].values())).name
    loaded = as_loaded({**base.tensors, name: base.tensors[name] + 1})
    with in_ram(checkpoint, loaded) as file:
        assert file is None


def test_without_one_of_the_text_encoders_the_file_is_read(checkpoint: Path) -> None:
    loaded = as_loaded(read_checkpoint(checkpoint).tensors)
    with in_ram(checkpoint, {n: t for n, t in loaded.items() if "conditioner.embedders.1" not in n}) as file:
        assert file is None
