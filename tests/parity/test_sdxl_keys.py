"""SDXL's table of names against diffusers' own converters, on the full shapes of SDXL 1.0.

As in `test_checkpoint_keys`, but that each row of a tensor has its own content: OpenCLIP's attention holds three
tensors in one, and its projection is transposed.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils
from torch import Tensor, nn

from sd_finetune.families.place import Place, file_names
from sd_finetune.families.sdxl import keys
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.sdxl.infer_sizes import infer_architecture
from sd_finetune.families.sdxl.modules import empty_modules
from sd_finetune.families.sdxl.sgm_config import dump
from tests.parity.test_checkpoint_keys import settings_of

Shape = tuple[int, ...]
PREFIX, PREFIX_2 = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."


@pytest.fixture(scope="module")
def modules() -> dict[str, nn.Module]:
    return empty_modules(SDXL_BASE).by_part()


@pytest.fixture(scope="module")
def checkpoint(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """A checkpoint in which row r of the k-th tensor is filled with k + r / rows."""
    found: dict[str, Tensor] = {}
    table = keys.name_table(SDXL_BASE)
    for part, module in modules.items():
        for name, parameter in module.named_parameters():
            place = table[part][name]
            shape = FAMILY.file_shape(place.name, in_file(place, tuple(parameter.shape)))
            rows = torch.arange(shape[0]) / shape[0] + len(found)
            found.setdefault(place.name, rows.view(-1, *[1] * (len(shape) - 1)).expand(shape))
    return found


def in_file(place: Place, shape: Shape) -> Shape:
    return shape[::-1] if place.transposed else (shape[0] * place.share[1], *shape[1:])


def ours(checkpoint: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, place in keys.name_table(SDXL_BASE)[part].items():
        tensor = place.taken_from(checkpoint[place.name])
        found[name] = tensor.reshape(FAMILY.module_shape(part, name, tuple(tensor.shape)))
    return found


def content(tensors: dict[str, Tensor]) -> dict[str, tuple[Shape, float, float, float]]:
    """The shape, and the values at three corners."""
    return {
        name: (tuple(tensor.shape), _corner(tensor, 0, 0), _corner(tensor, -1, 0), _corner(tensor, 0, -1))
        for name, tensor in tensors.items()
    }


def _corner(tensor: Tensor, row: int, others: int) -> float:
    return float(tensor[(row, *[others] * (tensor.dim() - 1))])


def config_of(kind: str, checkpoint: dict[str, Tensor]) -> dict[str, Any]:
    make = getattr(single_file_utils, f"create_{kind}_diffusers_config_from_ldm")
    return make(yaml.safe_load(dump(SDXL_BASE)), checkpoint)


def test_unet_and_vae_agree_with_diffusers_converters(checkpoint: dict[str, Tensor]) -> None:
    for part in ("unet", "vae"):
        convert = getattr(single_file_utils, f"convert_ldm_{part}_checkpoint")
        theirs = convert(dict(checkpoint), config=config_of(part, checkpoint))
        assert content(ours(checkpoint, part)) == content(theirs), part


def test_text_encoders_agree_with_diffusers_converters(
    checkpoint: dict[str, Tensor], modules: dict[str, nn.Module]
) -> None:
    clip = single_file_utils.convert_ldm_clip_checkpoint(dict(checkpoint))
    assert content(ours(checkpoint, "text_encoder")) == content(clip)
    open_clip = single_file_utils.convert_open_clip_checkpoint(
        modules["text_encoder_2"], dict(checkpoint), prefix=PREFIX_2
    )
    assert content(ours(checkpoint, "text_encoder_2")) == content(open_clip)


def test_sdxl_has_its_2515_tensors(checkpoint: dict[str, Tensor]) -> None:
    """As sd_xl_base_1.0.safetensors, with CLIP's position ids and OpenCLIP's logit scale, which are not weights."""
    names = [*FAMILY.constant_tensors(SDXL_BASE), *file_names(keys.name_table(SDXL_BASE))]
    assert len(names) == len(set(names)) == 2515
    starts = ("model.diffusion_model.", "first_stage_model.", PREFIX, PREFIX_2)
    counts = [sum(name.startswith(start) for name in names) for start in starts]
    assert counts == [1680, 248, 197, 390]


@pytest.mark.parametrize(("kind", "cls"), [("unet", UNet2DConditionModel), ("vae", AutoencoderKL)])
def test_modules_are_configured_as_diffusers_would(
    checkpoint: dict[str, Tensor], modules: dict[str, nn.Module], kind: str, cls: Any
) -> None:
    with torch.device("meta"):
        theirs = settings_of(cls(**config_of(kind, checkpoint)))
    told, mine = dict(theirs), settings_of(modules[kind])
    if kind == "unet":  # the first level has no attention, so that its depth means nothing
        told["transformer_layers_per_block"][0] = mine["transformer_layers_per_block"][0]
    assert told == mine


def test_sizes_measured_on_the_full_shapes(checkpoint: dict[str, Tensor]) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in checkpoint.items()}
    assert infer_architecture(shapes) == infer_architecture(shapes, dump(SDXL_BASE)) == SDXL_BASE
