"""LoRA files as PEFT and diffusers themselves write them, drawn as they draw them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sd_finetune.errors import UserError
from sd_finetune.formats.lora import read_lora
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from tests.toy import Toy, answer, load_doubled, relative_error

peft = pytest.importorskip("peft", reason="peft is not installed")


def adapted(model: Any, file: Path, **options: Any) -> Any:
    """PEFT's layers on the UNet, with values that have an effect, saved as PEFT does."""
    targets = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.2", "proj_in", "conv1"]
    config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=targets, **options)
    wrapped = peft.get_peft_model(model.unet, config)
    generator = torch.Generator().manual_seed(3)
    for name, value in wrapped.named_parameters():
        if "lora_" in name:
            value.data += 0.05 * torch.randn(value.shape, generator=generator, dtype=torch.float32).to(value.dtype)
    wrapped.save_pretrained(file)
    return wrapped


def read_onto(toy: Toy, file: Path) -> torch.Tensor:
    model = load_doubled(toy.checkpoint)
    attach_loras(model, [WeightedLora(read_lora(file)[0])])
    return answer(model)


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"use_dora": True}], ids=["plain", "rslora", "dora"])
def test_peft_s_files_are_drawn_as_by_peft(
    toys: Callable[[str], Toy], tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    toy, model = toys(kind), load_doubled(toys(kind).checkpoint)
    base = answer(model)
    wrapped = adapted(model, tmp_path, **options)
    expected = answer(model)
    assert relative_error(expected, base) > 1e-3
    assert relative_error(read_onto(toy, tmp_path / "adapter_model.safetensors"), expected) < 1e-5
    del wrapped
    if not options:
        (tmp_path / "adapter_config.json").unlink()
        assert relative_error(read_onto(toy, tmp_path / "adapter_model.safetensors"), expected) > 1e-3, (
            "alpha is the rank"
        )


@pytest.mark.parametrize("more", [{}, {"use_rslora": True}], ids=["plain", "rslora"])
def test_alphas_and_ranks_of_their_own_are_read(toy: Toy, tmp_path: Path, more: dict[str, Any]) -> None:
    """The first pattern that fits counts, as in PEFT; one that says the whole path fits that layer alone."""
    patterns = {"attn1.to_q": 3, "to_q": 40, "mid_block.resnets.0.conv1": 1}
    model = load_doubled(toy.checkpoint)
    adapted(model, tmp_path, alpha_pattern=patterns, rank_pattern={"to_k": 2, "attn2.to_v": 7}, **more)
    file, config = tmp_path / "adapter_model.safetensors", tmp_path / "adapter_config.json"
    expected, whole = answer(model), read_onto(toy, file)
    assert relative_error(whole, expected) < 1e-5
    content = json.loads(config.read_text())
    exact = {"^mid_block.resnets.0.conv1" if "conv1" in name else name: v for name, v in patterns.items()}
    config.write_text(json.dumps({**content, "alpha_pattern": exact}))  # as newer versions have it
    assert torch.equal(read_onto(toy, file), whole)
    config.write_text(json.dumps({**content, "alpha_pattern": {}}))
    assert relative_error(read_onto(toy, file), expected) > 1e-3


def test_patterns_of_strangers_are_not_tried(toy: Toy, tmp_path: Path) -> None:
    adapted(load_doubled(toy.checkpoint), tmp_path)
    config = tmp_path / "adapter_config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps({**content, "alpha_pattern": {"(a+)+b": 3}}))
    with pytest.raises(UserError, match=r"layers by the pattern '\(a\+\)\+b' \(alpha_pattern\)"):
        read_lora(tmp_path / "adapter_model.safetensors")
    config.write_text("{")
    assert read_lora(tmp_path / "adapter_model.safetensors")


FORMS: dict[str, Callable[[str, str], str]] = {
    "unet., lora_A": lambda path, half: f"unet.{path}.lora_{'A' if half == 'down' else 'B'}.weight",
    "lora_A.default": lambda path, half: (
        f"base_model.model.{path}.lora_{'A' if half == 'down' else 'B'}.default.weight"
    ),
    "lora.down": lambda path, half: f"unet.{path}.lora.{half}.weight",
    "lora_linear_layer": lambda path, half: f"unet.{path}.lora_linear_layer.{half}.weight",
    "processor": lambda path, half: (
        f"{path.replace('.to_out.0', '.to_out').rpartition('.')[0]}.processor."
        f"{path.replace('.to_out.0', '.to_out').rpartition('.')[2]}_lora.{half}.weight"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_every_way_of_naming_is_read_as_kohya_s(
    toys: Callable[[str], Toy], tmp_path: Path, kind: str, form: str
) -> None:
    toy, paths = toys(kind), ("to_q", "to_k", "to_v", "to_out.0")
    model = load_doubled(toy.checkpoint)
    generator = torch.Generator().manual_seed(4)
    block = "mid_block.attentions.0.transformer_blocks.0.attn1"
    own, theirs = {}, {}
    for path in (f"{block}.{name}" for name in paths):
        width = model.unet.get_submodule(path).weight.shape
        halves = {
            "down": torch.randn(3, width[1], generator=generator), "up": torch.randn(width[0], 3, generator=generator)
        }  # fmt: skip
        layer = model.family.lora_name(model.architecture, "unet", path)
        for half, value in halves.items():
            own[f"{layer}.lora_{half}.weight"] = value
            theirs[FORMS[form](path, half)] = value.clone()
    save_file(own, tmp_path / "own.safetensors")
    save_file(theirs, tmp_path / "theirs.safetensors")
    found, expected = (read_onto(toy, tmp_path / f"{name}.safetensors") for name in ("theirs", "own"))
    assert torch.equal(found, expected)
    assert relative_error(expected, answer(load_doubled(toy.checkpoint))) > 1e-3
    on = toy.prepare({"base.continue_from": str(tmp_path / "theirs.safetensors")})
    assert torch.equal(on.method.trained_tensors()[f"unet.{block}.to_q.up"][:, :3] * 0.5, own_up(own, "to_q"))


def own_up(own: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    return next(value for key, value in own.items() if key.endswith(f"{name}.lora_up.weight"))


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_text_encoders_are_found_by_their_part(toys: Callable[[str], Toy], tmp_path: Path, kind: str) -> None:
    """And alpha in the metadata, as diffusers writes it since 0.34."""
    model = load_doubled(toys(kind).checkpoint)
    tensors, expected = {}, set()
    for part, encoder in model.text_encoders.items():
        path = "text_model.encoder.layers.0.mlp.fc1"
        out, into = encoder.get_submodule(path).weight.shape
        tensors[f"{part}.{path}.lora_A.weight"], tensors[f"{part}.{path}.lora_B.weight"] = (
            torch.ones(2, into), torch.ones(out, 2)
        )  # fmt: skip
        expected.add(model.family.lora_name(model.architecture, part, path))
    about = {f"{part}.{name}": value for part in model.text_encoders for name, value in (("r", 2), ("lora_alpha", 5))}
    save_file(tensors, tmp_path / "x.safetensors", {"lora_adapter_metadata": json.dumps(about)})
    modules, _ = read_lora(tmp_path / "x.safetensors")
    assert {model.family.usual_lora_name(model.architecture, name) for name in modules} == expected
    assert {module.alpha for module in modules.values()} == {5}
    assert len(load_file(tmp_path / "x.safetensors")) == 2 * len(modules)
