"""What cannot be a base checkpoint is refused before anything is loaded, by its name and with a way out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.identify import identify
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.formats.usable_base import refuse_unusable_base

from .test_identify import FILES

Tensors = dict[str, Tensor]
UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."


def without(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.startswith(start)}


def only(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if name.startswith(start)}


def with_values(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: change(tensors[name])}


INPUT, NORM = f"{UNET}input_blocks.0.0.weight", f"{TEXT}transformer.text_model.final_layer_norm.weight"
CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "no VAE": (without(VAE), "is of Stable Diffusion 1, without VAE: choose a whole checkpoint"),
    "no text encoder": (without(TEXT), "is of Stable Diffusion 1, without text encoder: choose a whole checkpoint"),
    "no UNet": (without(UNET), "is a VAE, and only Stable Diffusion 1 or SDXL checkpoints are supported"),
    "UNet alone": (only(UNET), "without VAE and text encoder .a UNet alone, to which Forge"),
    "half a UNet": (without(f"{UNET}output_blocks"), "of its UNet is missing"),
    "NaN": (with_values(NORM, lambda tensor: tensor * torch.nan), "has NaN or infinite values"),
    "infinity": (with_values(INPUT, lambda tensor: tensor / 0), "has NaN or infinite values"),
    "whole numbers": (with_values(INPUT, lambda tensor: tensor.to(torch.int8)), "of type I8 .* are not weights"),
    "inpainting": (with_values(INPUT, lambda tensor: torch.cat([tensor, tensor, tensor[:, :1]], 1)), "inpainting"),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_whole_checkpoint_is_taken(tiny_file: Path, dtype: torch.dtype) -> None:
    tensors = {name: t.to(dtype) if t.is_floating_point() else t for name, t in read_tensors(tiny_file).tensors.items()}
    write_tensors(tiny_file, tensors, {})
    refuse_unusable_base(tiny_file)
    torch.save({"state_dict": tensors}, tiny_file)
    refuse_unusable_base(tiny_file)


@pytest.mark.parametrize("name", CHANGES)
def test_a_damaged_checkpoint_is_refused_as_training_would(tiny_file: Path, name: str) -> None:
    change, words = CHANGES[name]
    write_tensors(tiny_file, change(dict(read_tensors(tiny_file).tensors)), {})
    with pytest.raises(UserError, match=words):
        refuse_unusable_base(tiny_file)
    with pytest.raises(UserError, match=words):
        read_checkpoint(tiny_file).refuse_not_finite()


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("sd1")])
def test_every_other_kind_of_file_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    tensors, metadata, kind, _ = FILES[name]
    path = tmp_path / "x.safetensors"
    write_tensors(path, tensors, metadata)
    with pytest.raises(UserError) as raised:
        refuse_unusable_base(path)
    assert identify(path).text.splitlines()[0].partition(": ")[2] in str(raised.value) or kind == "checkpoint"


def test_it_needs_no_torch() -> None:
    source = "import sys, sd_finetune.formats.usable_base; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_info_tells_of_values_that_are_not_finite(tiny_file: Path) -> None:
    assert "damaged" not in identify(tiny_file).details
    tensors = CHANGES["NaN"][0](dict(read_tensors(tiny_file).tensors))
    write_tensors(tiny_file, tensors, {})
    assert identify(tiny_file).details["damaged"] == f"NaN or infinite values in 1 of {len(tensors):,} tensors"
