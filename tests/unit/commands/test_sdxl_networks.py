"""LoRAs for SDXL through the commands: both text encoders, a fused attention, and the names of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sd_finetune.__main__ import main
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.lora_names import ldm_to_diffusers
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sdxl.facts import SDXL
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.formats.checkpoint import read_checkpoint, write_checkpoint
from sd_finetune.formats.identify import identify
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from tests.toy import CHECKPOINTS, make_checkpoint, once_a_process, relative_error

ABOUT = {"ss_base_model_version": "sdxl_base_v1-0", "ss_network_dim": "3"}
FUSED = "conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight"


class Home(NamedTuple):
    """A small SDXL checkpoint, a LoRA of rank 3 for all its layers, and one for a Stable Diffusion 1."""

    folder: Path
    base: Path
    lora: Path
    other: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("sdxl-commands")
    home = Home(folder, *(folder / f"{name}.safetensors" for name in ("base", "lora", "other")))
    make_checkpoint(home.base, **CHECKPOINTS["deep sdxl, v"])
    generator = torch.Generator().manual_seed(1)
    with once_a_process():
        write_lora(home.lora, some_layers(load_model(read_checkpoint(home.base)), generator), ABOUT, "fp32")
        write_lora(home.other, {"lora_unet_mid_block_attentions_0_proj_in": layer(8, 8, generator)},
                   {"ss_base_model_version": "sd_v1"})  # fmt: skip
        yield home


def layer(out: int, into: int, generator: torch.Generator) -> LoraModule:
    down, up = torch.randn(3, into, generator=generator), torch.randn(out, 3, generator=generator)
    return LoraModule(down * 0.1, up * 0.1, 1.5)


def some_layers(model: DiffusionModel, generator: torch.Generator) -> dict[str, LoraModule]:
    return {
        FAMILY.lora_name(model.architecture, part, path): layer(*target.weight.shape, generator)
        for part in SDXL.trainable_parts
        for path, target in FAMILY.lora_targets(part, model.module(part)).items()
    }


def answer(model: DiffusionModel) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        told = model.encode_prompts(["a star", "a red ring"])
        return model.predict(torch.randn(2, 4, 8, 8, generator=generator), torch.tensor([30, 700]), told)


def beside(home: Home, file: Path, weight: float = 1.0) -> Tensor:
    model = load_model(read_checkpoint(home.base))
    attach_loras(model, [WeightedLora(read_lora(file)[0], weight, str(file))])
    return answer(model)


def test_merged_it_answers_as_with_the_lora_beside_it(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "merged.safetensors"
    assert main(["merge", "--checkpoint", str(home.base), "--lora", f"{home.lora}:0.7", "--out", str(out)]) == 0
    expected = beside(home, home.lora, 0.7)
    assert relative_error(answer(load_model(read_checkpoint(out))), expected) < 1e-5
    assert relative_error(answer(load_model(read_checkpoint(home.base))), expected) > 0.01
    before, after = load_file(home.base), load_file(out)
    assert before.keys() == after.keys()
    assert not torch.equal(before[FUSED], after[FUSED])


def test_of_a_fused_attention_only_the_share_with_a_layer_changes(home: Home, tmp_path: Path) -> None:
    name, out = "lora_te2_text_model_encoder_layers_1_self_attn_v_proj", tmp_path / "merged.safetensors"
    own = read_lora(home.lora)[0][name]
    write_lora(tmp_path / "one.safetensors", {name: own}, {}, "fp32")
    arguments = ["merge", "--checkpoint", str(home.base), "--lora", str(tmp_path / "one.safetensors")]
    assert main([*arguments, "--out", str(out)]) == 0
    before, after = load_file(home.base), load_file(out)
    assert [key for key in before if not torch.equal(before[key], after[key])] == [FUSED]
    difference = (after[FUSED] - before[FUSED]).chunk(3)
    assert [bool(share.any()) for share in difference] == [False, False, True]
    torch.testing.assert_close(difference[2], own.alpha / own.rank * own.up @ own.down, rtol=1e-3, atol=1e-6)


def test_a_lora_with_diffusers_names_is_the_same_lora(home: Home, tmp_path: Path) -> None:
    other_names = ldm_to_diffusers(read_checkpoint(home.base).architecture.unet, "lora_unet_")
    renamed = {other_names.get(name, name): module for name, module in read_lora(home.lora)[0].items()}
    assert not renamed.keys() >= read_lora(home.lora)[0].keys()
    file = tmp_path / "diffusers.safetensors"
    write_lora(file, renamed, ABOUT, "fp32")
    assert torch.equal(beside(home, file), beside(home, home.lora))
    for lora in (file, home.lora):
        arguments = ["merge", "--checkpoint", str(home.base), "--lora", str(lora)]
        assert main([*arguments, "--out", str(tmp_path / f"with-{lora.name}")]) == 0
    one, another = (load_file(tmp_path / f"with-{lora.name}") for lora in (file, home.lora))
    assert all(torch.equal(one[name], value) for name, value in another.items())


def test_a_merged_lora_is_found_again(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    merged, out = tmp_path / "merged.safetensors", tmp_path / "extracted.safetensors"
    main(["merge", "--checkpoint", str(home.base), "--lora", str(home.lora), "--out", str(merged)])
    asked = ["extract", "--base", str(home.base), "--tuned", str(merged), "--rank", "3", "--precision", "fp32"]
    assert main([*asked, "--out", str(tmp_path / "unet.safetensors")]) == 0
    printed = capsys.readouterr().out
    assert "The text encoder changed too, but is not in this LoRA: use --text-encoder" in printed
    assert "The text encoder 2 changed too, but is not in this LoRA: use --text-encoder" in printed
    assert main([*asked, "--text-encoder", "--out", str(out)]) == 0
    assert relative_error(beside(home, out), beside(home, home.lora)) < 1e-4
    assert read_lora(out)[0].keys() == read_lora(home.lora)[0].keys()
    with safe_open(str(out), "pt") as file:
        about = file.metadata()
    expected = {
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_v2": "False",
        "ss_zero_terminal_snr": "True",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.prediction_type": "v",
    }
    assert about.items() >= expected.items()
    assert json.loads(about["sd_finetune.made_from"])["command"] == "extract"


def test_resized_it_keeps_its_names(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    assert main(["resize", str(home.lora), "--rank", "1", "--out", str(out)]) == 0
    modules, about = read_lora(out)
    assert modules.keys() == read_lora(home.lora)[0].keys()
    assert {module.rank for module in modules.values()} == {1}
    assert about["ss_base_model_version"] == "sdxl_base_v1-0"


@pytest.mark.parametrize("told", [{}, {"format": "pt", "modelspec.architecture": "stable-diffusion-xl-v1-base/lora,x"}])
def test_resized_it_says_what_it_is_for(home: Home, tmp_path: Path, told: dict[str, str]) -> None:
    """Else the WebUI takes it for a LoRA of Stable Diffusion 1, and hides its card where SDXL is loaded."""
    lora, out = tmp_path / "no metadata.safetensors", tmp_path / "small.safetensors"
    save_file(load_file(home.lora), lora, told or None)
    assert main(["resize", str(lora), "--rank", "1", "--out", str(out)]) == 0
    expected = {
        "ss_base_model_version": "sdxl_base_v1-0", "ss_v2": "False",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    } | told  # fmt: skip
    assert read_lora(out)[1].items() >= expected.items()


def test_what_it_is_is_told(home: Home) -> None:
    described = identify(home.lora)
    assert (described.kind, described.base) == ("lora", "sdxl")
    assert described.use.startswith("base.continue_from of a LoRA")
    assert described.details["layers"].endswith(f" UNet, {6 * (2 + 2)} text encoder")


def test_a_lora_for_the_other_family_is_refused(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sd1 = make_checkpoint(tmp_path / "sd1.safetensors")
    for checkpoint, lora, said in (
        (home.base, home.other, "is a LoRA for Stable Diffusion 1: choose a LoRA for SDXL."),
        (sd1, home.lora, "is a LoRA for SDXL: choose a LoRA for Stable Diffusion 1."),
    ):
        arguments = ["--checkpoint", str(checkpoint), "--lora", str(lora)]
        for command in (
            ["merge", *arguments, "--out", str(tmp_path / "x.safetensors")],
            ["sample", *arguments, "--prompt", "a star", "--out", str(tmp_path / "x.png")],
        ):
            capsys.readouterr()
            assert main(command) == 2
            assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("x*"))


def test_a_lora_and_an_embedding_are_drawn_with(home: Home, tmp_path: Path) -> None:
    save_file({"clip_l": torch.ones(2, 32), "clip_g": torch.ones(2, 48)}, tmp_path / "zib-7.safetensors")
    plain = ["sample", "--checkpoint", str(home.base), "--prompt", "a zib-7", "--steps", "1"]
    size = ["--width", "64", "--height", "64"]
    own = {"none": [], "lora": ["--lora", str(home.lora)], "word": ["--embedding", str(tmp_path / "zib-7.safetensors")]}
    for name, arguments in own.items():
        assert main([*plain, *size, *arguments, "--out", str(tmp_path / f"{name}.png")]) == 0
    assert len({(tmp_path / f"{name}.png").read_bytes() for name in own}) == 3


def test_extract_finds_what_changed_in_a_fused_attention(home: Home, tmp_path: Path) -> None:
    base = read_checkpoint(home.base)
    name = "text_model.encoder.layers.1.self_attn.k_proj.weight"
    tuned, out = tmp_path / "tuned.safetensors", tmp_path / "x.safetensors"
    write_checkpoint(tuned, base, {"text_encoder_2": {name: base.parts["text_encoder_2"][name] + 1}}, "fp32")
    asked = ["extract", "--base", str(home.base), "--tuned", str(tuned), "--text-encoder", "--out", str(out)]
    assert main(asked) == 0
    assert list(read_lora(out)[0]) == ["lora_te2_text_model_encoder_layers_1_self_attn_k_proj"]
