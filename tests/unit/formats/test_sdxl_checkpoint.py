"""SDXL's files in and out: what was not trained is the same to the bit, also inside of a tensor."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.differences import first_difference
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.families.sdxl.keys import TEXT, TEXT_2, UNET, VAE
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint, write_checkpoint
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.formats.usable_base import refuse_unusable_base
from tests.unit.families.sdxl.test_family import SMALL, random_parts

from .test_checkpoint import all_bits, bits, rewrite

ATTENTION = "text_model.encoder.layers.1.self_attn."
FUSED = f"{TEXT_2}transformer.resblocks.1.attn.in_proj_weight"
UNKNOWN = {
    "conditioner.embedders.0.logit_scale": torch.tensor(4.6),
    "conditioner.embedders.0.transformer.text_projection.weight": torch.eye(4),
    "first_stage_model.loss.logvar": torch.tensor(0.5),
    "denoiser.sigmas": torch.arange(10.0),
    "model_ema.num_updates": torch.tensor(3),
}
"""What other programs leave in files."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdxl") / "small.safetensors"
    new_checkpoint(path, FAMILY, SMALL, random_parts(SMALL))
    rewrite(path, lambda tensors: tensors.update(UNKNOWN))
    rewrite(path, lambda tensors: tensors.update({name: tensors[name].float() for name in tensors if VAE in name}))
    return path


def test_untrained_it_is_the_same_file_to_the_bit(made: Path, tmp_path: Path) -> None:
    base = read_checkpoint(made)
    assert {*UNKNOWN, f"{TEXT}text_model.embeddings.position_ids", f"{TEXT_2}logit_scale", "v_pred"} <= set(base.other)
    write_checkpoint(tmp_path / "again.safetensors", base, {})
    assert all_bits(tmp_path / "again.safetensors") == all_bits(made)
    assert (tmp_path / "again.yaml").read_text() == made.with_suffix(".yaml").read_text()


def test_what_is_read_and_written_back_as_trained_is_the_same_to_the_bit(made: Path, tmp_path: Path) -> None:
    base = read_checkpoint(made)
    write_checkpoint(tmp_path / "again.safetensors", base, base.parts, None)
    assert all_bits(tmp_path / "again.safetensors") == all_bits(made)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_only_the_trained_part_changes(made: Path, tmp_path: Path, part: str) -> None:
    base = read_checkpoint(made)
    trained = {part: {name: tensor.float() + 0.25 for name, tensor in base.parts[part].items()}}
    write_checkpoint(tmp_path / "new.safetensors", base, trained, "bf16")
    old, new = all_bits(made), all_bits(tmp_path / "new.safetensors")
    assert {name for name in new if new[name] != old[name]} == {place.name for place in base.places[part].values()}
    for name, tensor in read_checkpoint(tmp_path / "new.safetensors").parts[part].items():
        assert bits(tensor) == bits(trained[part][name].bfloat16()), name


@pytest.mark.parametrize("letters", ["q", "k", "v", "qv"])
def test_what_was_not_trained_of_a_fused_tensor_keeps_its_bits(made: Path, tmp_path: Path, letters: str) -> None:
    """In the file's own type, whatever what was trained is to be saved as."""
    base = read_checkpoint(made)
    parts = base.parts["text_encoder_2"]
    names = {f"{ATTENTION}{letter}_proj.weight" for letter in letters}
    trained = {name: parts[name].float() + 1 for name in names}
    write_checkpoint(tmp_path / "new.safetensors", base, {"text_encoder_2": trained}, "fp32")
    old, new = all_bits(made), all_bits(tmp_path / "new.safetensors")
    assert {name for name in new if new[name] != old[name]} == {FUSED}
    for name, tensor in read_checkpoint(tmp_path / "new.safetensors").parts["text_encoder_2"].items():
        expected = trained[name].half() if name in names else parts[name]
        assert bits(tensor) == bits(expected), name


def test_a_fused_tensor_that_was_trained_as_a_whole_has_the_precision_that_was_asked(
    made: Path, tmp_path: Path
) -> None:
    base = read_checkpoint(made)
    names = [f"{ATTENTION}{letter}_proj.weight" for letter in "qkv"]
    trained = {name: base.parts["text_encoder_2"][name].float() + 1e-5 for name in names}
    write_checkpoint(tmp_path / "new.safetensors", base, {"text_encoder_2": trained}, "fp32")
    assert bits(read_tensors(tmp_path / "new.safetensors").tensors[FUSED]) == bits(torch.cat([*trained.values()]))


def test_the_projection_multiplies_from_the_other_side(made: Path, tmp_path: Path) -> None:
    base = read_checkpoint(made)
    in_file, in_module = (
        base.tensors[f"{TEXT_2}text_projection"],
        base.parts["text_encoder_2"]["text_projection.weight"],
    )
    assert tuple(in_file.shape) == (64, 48)
    assert torch.equal(in_module, in_file.T)
    trained = {"text_encoder_2": {"text_projection.weight": in_module.float() * 2}}
    write_checkpoint(tmp_path / "new.safetensors", base, trained, "fp32")
    assert torch.equal(read_tensors(tmp_path / "new.safetensors").tensors[f"{TEXT_2}text_projection"], in_file * 2.0)


def wider(tensors: dict[str, Tensor]) -> None:
    """As an OpenCLIP with another projection."""
    tensors[f"{TEXT_2}text_projection"] = torch.zeros(64, 64).half()


def without(*starts: str):
    def change(tensors: dict[str, Tensor]) -> None:
        for name in [name for name in tensors if name.startswith(starts)]:
            del tensors[name]

    return change


def narrower(tensors: dict[str, Tensor]) -> None:
    """As another OpenCLIP, of half the width."""
    for name in [name for name in tensors if name.startswith(TEXT_2)]:
        tensors[name] = tensors[name][tuple(slice(0, -(-size // 2)) for size in tensors[name].shape)].clone()


REFUSED = {
    "UNet alone": (
        without(VAE, "conditioner."),
        r"is of SDXL, without VAE, first text encoder \(CLIP-L\) and second text encoder \(CLIP-G\) \(a UNet alone, to "
        r"which Forge adds the rest from other files\): choose a whole checkpoint, with UNet, VAE, first text encoder",
    ),
    "no second text encoder": (without(TEXT_2), r"is of SDXL, without second text encoder \(CLIP-G\): choose a whole"),
    "no first text encoder": (without(TEXT), r"is of SDXL, without first text encoder \(CLIP-L\): choose a whole"),
    "no VAE": (without(VAE), "is of SDXL, without VAE: choose a whole"),
    "half a text encoder": (without(f"{TEXT_2}ln_final"), r"of its second text encoder \(CLIP-G\) is missing"),
    "another text encoder": (narrower, "text encoders are 32 and 32 wide, and its UNet reads 96: choose one whose"),
    "another projection": (wider, "make a vector of 1600 values, and its UNet reads 1584: choose one whose"),
    "no attention in the middle": (without(f"{UNET}middle_block.1."), "is an SSD-1B or Vega checkpoint, and only"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_sdxl_is_refused_with_what_to_choose(made: Path, tmp_path: Path, name: str) -> None:
    change, words = REFUSED[name]
    file, tensors = tmp_path / "x.safetensors", dict(read_tensors(made).tensors)
    change(tensors)
    write_tensors(file, tensors, {})
    file.with_suffix(".yaml").write_text(made.with_suffix(".yaml").read_text())
    for read in (refuse_unusable_base, read_checkpoint):
        with pytest.raises(UserError, match=words):
            read(file)


@pytest.mark.parametrize("is_given", [False, True])
def test_a_config_of_the_other_family_is_refused(made: Path, tiny_file: Path, tmp_path: Path, is_given: bool) -> None:
    for file, other, title in ((made, tiny_file, "an SDXL"), (tiny_file, made, "a Stable Diffusion 1")):
        path, config = tmp_path / f"{file.stem}-copy.safetensors", other.with_suffix(".yaml")
        shutil.copy(file, path)
        if not is_given:
            shutil.copy(config, path.with_suffix(".yaml"))
        for read in (refuse_unusable_base, read_checkpoint):
            with pytest.raises(UserError, match=f"The .yaml config is not one of {title} model .*: choose the right"):
                read(path, config if is_given else None)


def test_checkpoints_of_two_families_differ_in_their_parts(made: Path, tiny_file: Path) -> None:
    one, other = (read_checkpoint(file).architecture for file in (tiny_file, made))
    parts = ("unet", "text_encoder", "text_encoder_2")
    assert first_difference(other, one, parts).startswith(
        "parts: unet, vae, text_encoder, text_encoder_2 and unet, vae"
    )
    assert (
        first_difference(other, replace(other, zero_terminal_snr=False), parts) == "zero_terminal_snr: True and False"
    )
