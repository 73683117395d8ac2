"""A VAE of a file of its own takes the place of a checkpoint's, whatever program's names it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.checks.check import check
from sd_finetune.errors import UserError
from sd_finetune.formats.checkpoint import Parts, read_checkpoint, write_checkpoint
from sd_finetune.formats.hashes import file_hashes
from sd_finetune.formats.known_base import known_base
from sd_finetune.formats.known_hashes import known_sha256
from sd_finetune.formats.known_vae import vae_fault
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.formats.vae_file import with_vae

START = "first_stage_model."
OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.fixture
def own(tiny_parts: Parts) -> dict[str, Tensor]:
    """Another VAE of the same sizes, by the names of diffusers' module."""
    return {name: (1.5 * tensor + 0.01).contiguous() for name, tensor in tiny_parts["vae"].items()}


@pytest.fixture
def in_checkpoint(tiny_file: Path, own: dict[str, Tensor], tmp_path: Path) -> Path:
    """A whole checkpoint with it."""
    file = tmp_path / "whole.safetensors"
    write_checkpoint(file, read_checkpoint(tiny_file), {"vae": own}, precision="fp32")
    return file


def alone(file: Path) -> dict[str, Tensor]:
    return {name[len(START) :]: each for name, each in read_tensors(file).tensors.items() if name.startswith(START)}


def old_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As diffusers wrote a VAE's attention before version 0.17."""
    renamed = dict(tensors)
    for new, old in OLD.items():
        for name in list(renamed):
            if f".attentions.0.{new}." in name:
                renamed[name.replace(new, old)] = renamed.pop(name)
    return renamed


def newer_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As newer programs write the attention of a VAE in LDM's names: diffusers' layers, which are linear."""
    new = {".q.": ".to_q.", ".k.": ".to_k.", ".v.": ".to_v.", ".proj_out.": ".to_out.0.", ".norm.": ".group_norm."}
    renamed = dict(tensors)
    for name, tensor in tensors.items():
        for old, other in new.items():
            if f"attn_1{old}" in name:
                del renamed[name]
                renamed[name.replace(old, other)] = tensor.flatten(1) if tensor.ndim == 4 else tensor
    return renamed


@pytest.mark.parametrize(
    "kind",
    [
        "whole checkpoint",
        "newer names",
        "alone",
        "alone, pickled",
        "alone, newer",
        "diffusers",
        "old diffusers",
        "folder",
        "whole folder",
    ],
)
def test_it_takes_the_place_of_the_checkpoints_own(
    kind: str, tiny_file: Path, in_checkpoint: Path, own: dict[str, Tensor], tmp_path: Path
) -> None:
    base, file = read_checkpoint(tiny_file), tmp_path / f"vae.{'pt' if 'pickled' in kind else 'safetensors'}"
    if kind == "whole checkpoint":
        file = in_checkpoint
    elif "folder" in kind:
        file = tmp_path / "models" / "a vae v1.0"
        part = file / "vae" if kind == "whole folder" else file
        write_tensors(part / "diffusion_pytorch_model.fp16.safetensors", own, {"format": "pt"})
        for place in {file, part}:
            (place / "config.json").write_text("{}")
        if part is not file:
            (file / "config.json").rename(file / "model_index.json")
        assert known_sha256(file, tmp_path / "notes") == file_hashes(file)[1]
    elif kind == "newer names":
        write_tensors(file, newer_names(read_tensors(in_checkpoint).tensors), {})
    elif kind == "alone, newer":
        write_tensors(file, newer_names(alone(in_checkpoint)), {})
    elif kind == "alone, pickled":
        torch.save({"state_dict": {**alone(in_checkpoint), "loss.logvar": torch.zeros(1)}}, file)
    else:
        tensors = {"alone": lambda: alone(in_checkpoint), "diffusers": lambda: own}.get(kind, lambda: old_names(own))()
        write_tensors(file, tensors, {})
    assert vae_fault(file, known_base(tiny_file), tiny_file) == ""
    found = with_vae(base, file)
    assert found.parts["vae"].keys() == own.keys()
    assert all(torch.equal(each, own[name]) for name, each in found.parts["vae"].items())
    for part in ("unet", "text_encoder"):
        assert all(found.parts[part][name] is not None for name in base.parts[part])
    assert found.tensors.keys() == base.tensors.keys()
    changed = {name for name, each in found.tensors.items() if each is not base.tensors[name]}
    assert changed == {name for name in base.tensors if name.startswith(START)}


def test_a_saved_checkpoint_has_it_in_its_own_precision(tiny_file: Path, in_checkpoint: Path, tmp_path: Path) -> None:
    base = with_vae(read_checkpoint(tiny_file), in_checkpoint)
    out = tmp_path / "out.safetensors"
    write_checkpoint(out, base, {"unet": base.parts["unet"]})
    saved, wanted = alone(out), alone(in_checkpoint)
    assert all(torch.equal(saved[name], wanted[name]) and saved[name].dtype == torch.float32 for name in wanted)


def dropped(tensors: dict[str, Tensor]) -> None:
    del tensors["decoder.conv_in.weight"]


def widened(tensors: dict[str, Tensor]) -> None:
    tensors["decoder.conv_in.weight"] = torch.zeros(3, 2, 1, 1)


def broken(tensors: dict[str, Tensor]) -> None:
    tensors["decoder.conv_in.weight"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict.clear, "vae.safetensors has no VAE: choose the VAE of a model of the same kind"),
        (dropped, r"lacks 1 tensors of a VAE, such as decoder\.conv_in\.weight: choose"),
        (widened, r"has a VAE of other sizes than tiny.* needs \(decoder\.conv_in\.weight: \(3, 2, 1, 1\) instead of"),
        (broken, "has NaN or infinite values"),
    ],
)
def test_what_is_not_one_for_this_checkpoint_is_refused(
    change: Callable[[dict[str, Tensor]], None], said: str, tiny_file: Path, own: dict[str, Tensor], tmp_path: Path
) -> None:
    change(own)
    file = tmp_path / "vae.safetensors"
    write_tensors(file, {**own, "other": torch.zeros(1)}, {})
    with pytest.raises(UserError, match=said) as told:
        with_vae(read_checkpoint(tiny_file), file)
    before = vae_fault(file, known_base(tiny_file), tiny_file)
    if change is broken:
        assert before == "", "values are looked at by the run"
    elif change is widened:
        assert before == str(told.value)
    else:
        assert "which has no VAE: choose a VAE" in before


def test_what_has_none_is_told_before_it_is_loaded(tiny_file: Path, own: dict[str, Tensor], tmp_path: Path) -> None:
    file = tmp_path / "vae.safetensors"
    assert vae_fault(file) == "", "that it is missing is told elsewhere"
    file.write_text("<html>not found</html>")
    assert "vae.safetensors is a web page" in vae_fault(file)
    write_tensors(file, {"lora_unet_x.lora_down.weight": torch.zeros(4, 8)}, {})
    assert vae_fault(file) == (
        f"{file} is a LoRA, which has no VAE: choose a VAE, or leave it empty for the checkpoint's own."
    )
    write_tensors(file, own, {})
    assert vae_fault(file) == ""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert "folder" in vae_fault(folder)
    whole = {"base": {"checkpoint": str(tiny_file), "vae": str(folder)}}
    assert check(whole).faults["base.vae"] == vae_fault(folder)
