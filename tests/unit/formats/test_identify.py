"""Which file is what, by names and shapes as published files of each kind have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune import __version__
from sd_finetune.errors import UserError
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.identify import identify
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.formats.metadata import training_metadata
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from sd_finetune.formats.tool_metadata import merged_metadata, resized_metadata

from .test_metadata import FACTS, SETTINGS

UNET = "model.diffusion_model."
CLIP = "cond_stage_model.transformer.text_model.final_layer_norm.weight"
KEY = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
LORA_KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


ONE_LAYER = {lora_name("unet", "mid_block.attentions.0.proj_out"): LoraModule(torch.ones(8, 4), torch.ones(4, 8), 4)}


def small(*names: str, **shapes: tuple[int, ...]) -> dict[str, Tensor]:
    return {
        **{name: torch.ones(1) for name in names},
        **{n.replace("__", "."): torch.ones(s) for n, s in shapes.items()},
    }


def unet(channels: int = 4, context: int = 768) -> dict[str, Tensor]:
    return {
        UNET + "input_blocks.0.0.weight": torch.ones(320, channels, 3, 3),
        UNET + KEY: torch.ones(320, context),
    }


def lora(name: str, context: int) -> dict[str, Tensor]:
    return {f"{name}.lora_down.weight": torch.ones(4, context), f"{name}.lora_up.weight": torch.ones(320, 4)}


XL_TEXT = small("conditioner.embedders.0.transformer.text_model.final_layer_norm.weight")
VECTOR = {UNET + "label_emb.0.0.weight": torch.ones(1280, 1632)}
FILES: dict[str, tuple[dict[str, Tensor], dict[str, str], str, str]] = {
    "sd1": ({**unet(), **small(CLIP)}, {}, "checkpoint", "sd1"),
    "sd1-tiny": ({**unet(context=32), **small(CLIP)}, {}, "checkpoint", "sd1"),
    "sd1-inpainting": ({**unet(9), **small(CLIP)}, {}, "checkpoint", "sd1-inpainting"),
    "sd1-pix2pix": ({**unet(8), **small(CLIP)}, {}, "checkpoint", "sd1-pix2pix"),
    "sd1-without-text-encoder": (unet(), {}, "checkpoint", "sd1"),
    "sd2": ({**unet(context=1024), **small("cond_stage_model.model.ln_final.weight")}, {}, "checkpoint", "sd2"),
    "sdxl": (
        {**unet(context=2048), **XL_TEXT},
        {},
        "checkpoint",
        "sdxl",
    ),
    "sdxl-without-text-encoder-1": (
        {**unet(context=2048), **small("conditioner.embedders.1.model.ln_final.weight")}, {}, "checkpoint", "sdxl"
    ),
    "sdxl-unet-alone": (unet(context=2048), {}, "checkpoint", "sdxl"),
    "sdxl-unet-tiny": ({**unet(context=96), **VECTOR}, {}, "checkpoint", "sdxl"),
    "sdxl-inpainting": ({**unet(9, 2048), **XL_TEXT}, {}, "checkpoint", "sdxl-inpainting"),
    "sdxl-pix2pix": ({**unet(8, 2048), **XL_TEXT}, {}, "checkpoint", "sdxl-pix2pix"),
    "sdxl-refiner": (
        {**unet(context=1280), **small("conditioner.embedders.0.model.ln_final.weight")},
        {},
        "checkpoint",
        "sdxl-refiner",
    ),
    "refiner-unet-alone": (unet(context=1280), {}, "checkpoint", "sdxl-refiner"),
    "ssd-1b": (
        {**unet(context=2048), **XL_TEXT, **small(UNET + "middle_block.0.in_layers.0.weight")}, {}, "checkpoint", "ssd"
    ),
    "playground-2.5": ({**unet(context=2048), **XL_TEXT, **small("edm_mean")}, {}, "checkpoint", "playground"),
    "cosxl": ({**unet(context=2048), **XL_TEXT, **small("edm_vpred.sigma_max")}, {}, "checkpoint", "cosxl"),
    "kolors": (
        {**unet(context=2048), UNET + "label_emb.0.0.weight": torch.ones(1280, 5632)}, {}, "checkpoint", "kolors"
    ),
    "sdxl-diffusers-unet": (
        small("down_blocks.0.resnets.0.conv1.weight")
        | {"down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": torch.ones(640, 2048)},
        {},
        "unet",
        "sdxl",
    ),
    "sdxl-text-encoders": (small("conditioner.embedders.1.model.ln_final.weight", "x"), {}, "text encoder", ""),
    "sd3": (small(UNET + "joint_blocks.0.x_block.attn.qkv.weight", "text_encoders.clip_l.x"), {}, "checkpoint", "sd3"),
    "flux": (small("double_blocks.0.img_attn.qkv.weight"), {}, "checkpoint", "flux"),
    "flux-in-comfy": (small(UNET + "double_blocks.0.img_attn.qkv.weight"), {}, "checkpoint", "flux"),
    "diffusers-unet": (
        small("down_blocks.0.resnets.0.conv1.weight")
        | {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": torch.ones(320, 768)},
        {},
        "unet",
        "sd1",
    ),
    "vae": (small("encoder.conv_in.weight", "decoder.conv_in.weight"), {}, "vae", ""),
    "ldm-vae": (small("first_stage_model.decoder.conv_in.weight"), {}, "vae", ""),
    "lora-sd1": (lora(LORA_KEY, 768), {}, "lora", "sd1"),
    "lora-sd2": (lora(LORA_KEY, 1024), {}, "lora", "sd2"),
    "lora-sdxl": (lora("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 2048), {}, "lora", "sdxl"),
    "lora-sdxl-text-only": (lora("lora_te2_text_model_encoder_layers_0_mlp_fc1", 1280), {}, "lora", "sdxl"),
    "lora-flux": (lora("lora_unet_double_blocks_0_img_attn_proj", 3072), {}, "lora", "flux"),
    "lora-flux-diffusers": (
        small("transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight"), {}, "lora", "flux"
    ),
    "lora-sd3": (lora("lora_unet_joint_blocks_0_context_block_attn_proj", 1536), {}, "lora", "sd3"),
    "lora-tiny": (lora(LORA_KEY, 32), {"ss_base_model_version": "sd_v1"}, "lora", "sd1"),
    "lora-by-modelspec": (
        lora(LORA_KEY, 32), {"modelspec.architecture": "stable-diffusion-v2-768-v/lora"}, "lora", "sd2"
    ),
    "lora-unknown": (lora(LORA_KEY, 32), {}, "lora", ""),
    "lora-peft": (
        {
            "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": torch.ones(4, 768),
            "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight": torch.ones(320, 4),
        },
        {},
        "lora",
        "sd1",
    ),
    "loha": (small(f"{LORA_KEY}.hada_w1_a"), {"ss_base_model_version": "sdxl_base_v1-0"}, "lora", "sdxl"),
    "embedding-kohya": ({"emb_params": torch.ones(2, 768)}, {}, "embedding", "sd1"),
    "embedding-diffusers": ({"<cat>": torch.ones(1, 1024)}, {}, "embedding", "sd2"),
    "embedding-sdxl": ({"clip_l": torch.ones(2, 768), "clip_g": torch.ones(2, 1280)}, {}, "embedding", "sdxl"),
    "something-else": (small("model.layers.0.mlp.weight", "model.norm.weight"), {}, "unknown", ""),
    "nothing": ({}, {}, "unknown", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_kind_and_base(tmp_path: Path, name: str) -> None:
    tensors, metadata, kind, base = FILES[name]
    write_tensors(tmp_path / "x.safetensors", tensors, metadata)
    found = identify(tmp_path / "x.safetensors")
    assert (found.kind, found.base) == (kind, base)


def test_the_base_of_a_lora_whose_up_layers_come_first(tmp_path: Path) -> None:
    layers = lora(LORA_KEY, 768)
    torch.save(dict(reversed(layers.items())), tmp_path / "x.pt")
    assert identify(tmp_path / "x.pt").base == "sd1"


HYPERNETWORK = {
    768: ({"linear.0.weight": torch.ones(2, 2)}, {"linear.0.weight": torch.ones(2, 2)}),
    320: ({"linear.0.weight": torch.ones(2, 2)}, {"linear.0.weight": torch.ones(2, 2)}),
    "step": 500, "name": "x", "layer_structure": [1, 2, 1], "activation_func": "relu", "sd_checkpoint_name": "base",
}  # fmt: skip
EMBEDDING = {
    "string_to_token": {"*": 265},
    "string_to_param": {"*": torch.ones(3, 768)},
    "name": "mine",
    "step": 120,
    "sd_checkpoint_name": "base",
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("content", "kind", "base", "facts"),
    [
        (HYPERNETWORK, "hypernetwork", "sd1", {
            "sizes": "768, 320", "layer structure": "1, 2, 1", "activation": "relu, also of the last layer",
            "layer norm": "no", "dropout": None, "step": "500", "sd_checkpoint_name": "base", "precision": "fp32",
        }),
        ({640: HYPERNETWORK[768], 2048: HYPERNETWORK[768]}, "hypernetwork", "sdxl", {"sizes": "640, 2048"}),
        ({1024: HYPERNETWORK[768]}, "hypernetwork", "sd2", {"sizes": "1024", "activation": "linear"}),
        ({320: HYPERNETWORK[320], "layer_structure": [2, 1]}, "hypernetwork", "", {
            "damaged": "has the layer structure [2, 1], which is not a list of widths from 1 to 1",
        }),
        (EMBEDDING, "embedding", "sd1", {"vectors": "3 of 768", "name": "mine", "step": "120"}),
    ],
)  # fmt: skip
def test_the_webuis_pt_files(
    tmp_path: Path, content: dict[Any, Any], kind: str, base: str, facts: dict[str, str], zipped: bool
) -> None:
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = identify(tmp_path / "x.pt")
    assert (found.kind, found.base) == (kind, base)
    assert {name: found.details.get(name) for name in facts} == facts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sd2", "is a Stable Diffusion 2 checkpoint"),
        ("sd3", "is a Stable Diffusion 3 checkpoint"),
        ("flux", "is a Flux checkpoint"),
        ("sd1-inpainting", "is a Stable Diffusion 1 inpainting checkpoint"),
        ("lora-sd1", "is a LoRA for Stable Diffusion 1"),
        ("lora-unknown", "is a LoRA"),
        ("embedding-kohya", "is a textual inversion embedding for Stable Diffusion 1"),
        ("vae", "is a VAE"),
        ("something-else", "is a model of an unknown kind"),
    ],
)
def test_what_is_no_checkpoint_of_a_family_is_refused_by_its_name(tmp_path: Path, name: str, words: str) -> None:
    tensors, metadata, _, _ = FILES[name]
    path = tmp_path / "x.safetensors"
    write_tensors(path, tensors, metadata)
    with pytest.raises(UserError) as raised:
        read_checkpoint(path)
    assert str(raised.value) == (
        f"{path} {words}, and only Stable Diffusion 1 or SDXL checkpoints are supported: choose one of these."
    )


def test_a_lora_of_ours_says_how_it_was_made(tmp_path: Path) -> None:
    modules = {
        lora_name("unet", "mid_block.attentions.0.proj_in"): LoraModule(torch.ones(8, 4), torch.ones(4, 8), 4),
        lora_name("unet", "mid_block.attentions.0.proj_out"): LoraModule(torch.ones(8, 4), torch.ones(4, 8), 4),
        lora_name("text_encoder", "text_model.encoder.layers.0.mlp.fc1"): LoraModule(
            torch.ones(2, 4), torch.ones(4, 2), 4
        ),
    }
    write_lora(tmp_path / "star.safetensors", modules, training_metadata(SETTINGS, FACTS))
    found = identify(tmp_path / "star.safetensors")
    assert found.details == {
        "method": "LoRA", "layers": "2 UNet, 1 text encoder", "rank": "2 to 8", "alpha": "4", "precision": "fp16",
        "prediction type": "epsilon", "made from": "base.safetensors",
    }  # fmt: skip
    assert found.training["SD Fine-Tune"] == __version__
    assert found.training["steps"] == "42"
    assert found.training["lora.rank"] == "8"
    assert found.training["concepts.1.instance_prompt"] == "a photo of sks star"
    assert found.training["concepts.2.folder"] == "sks"
    assert "output.folder" in found.training
    assert "samples.prompts" not in found.training  # an empty list says nothing
    lines = found.text.splitlines()
    assert lines[0] == "star.safetensors: a LoRA for Stable Diffusion 1"
    assert "  rank: 2 to 8" in lines
    assert "  train.snr_gamma: 5.0" in lines


def test_only_settings_of_the_method_are_told(tmp_path: Path) -> None:
    write_lora(tmp_path / "star.safetensors", ONE_LAYER, training_metadata(SETTINGS, FACTS))
    told = identify(tmp_path / "star.safetensors").training
    assert "lora.alpha" in told
    assert not [name for name in told if name.startswith(("hypernetwork.", "textual_inversion."))]


def test_a_resized_lora_keeps_what_its_metadata_says_of_its_base(tmp_path: Path) -> None:
    told = {"ss_base_model_version": "sd_v1_v", "ss_v2": "True"}
    out, source = tmp_path / "small.safetensors", tmp_path / "star.safetensors"
    assert resized_metadata(out, source, SD1, told, 2, 2.0, 0.5).items() >= told.items()
    of_v = resized_metadata(out, source, SD1, {"modelspec.prediction_type": "v"}, 2, 2.0, 0.5)
    assert (of_v["ss_base_model_version"], of_v["ss_v2"]) == ("sd_v1_v", "False")
    assert "ss_base_model_version" not in resized_metadata(out, source, None, {}, 2, 2.0, 0.5)


def test_what_a_file_was_made_from_comes_first(tmp_path: Path) -> None:
    source, out = tmp_path / "star.safetensors", tmp_path / "small.safetensors"
    trained = training_metadata(SETTINGS, FACTS)
    write_lora(out, ONE_LAYER, resized_metadata(out, source, None, trained, 2, 2.0, 0.5))
    lines = identify(out).text.splitlines()
    start = lines.index("Made from other files:")
    told = ["  command: resize", "  lora: star.safetensors", "  rank: 2", "  kept: 0.5", "Training of the source:"]
    assert lines[start + 1 : start + 6] == told
    assert "  lora.rank: 8" in lines[start + 6 :]


def test_settings_that_somebody_edited(tmp_path: Path) -> None:
    write_lora(tmp_path / "x.safetensors", ONE_LAYER, {"sd_finetune.settings": '{"method": ["x"]}'})
    assert identify(tmp_path / "x.safetensors").training == {"method": "['x']"}


@pytest.mark.parametrize("hand", ["{broken", "[]", '{"loras": 3}', '{"loras": [4, {}]}'])
def test_a_derivation_that_somebody_edited(tmp_path: Path, hand: str) -> None:
    write_lora(tmp_path / "x.safetensors", ONE_LAYER, {"sd_finetune.made_from": hand})
    assert set(identify(tmp_path / "x.safetensors").derivation) <= {"loras"}


def test_merged_loras_are_told_with_their_weights(tmp_path: Path) -> None:
    loras = [(Path("a.safetensors"), 0.5, {}), (Path("b.safetensors"), -1.0, {})]
    metadata = merged_metadata(Path("m.safetensors"), Path("base.safetensors"), SD1, loras)
    write_tensors(tmp_path / "m.safetensors", unet(), metadata)
    found = identify(tmp_path / "m.safetensors").derivation
    assert found == {
        "command": "merge", "base": "base.safetensors", "loras": "a.safetensors:0.5, b.safetensors:-1.0"
    }  # fmt: skip


def test_a_lora_of_kohyas_says_what_its_metadata_says(tmp_path: Path) -> None:
    metadata = {
        "ss_network_dim": "32", "ss_steps": "900", "ss_clip_skip": "None", "ss_tag_frequency": '{"a": {}}',
        "sshs_model_hash": "00", "modelspec.title": "T", "modelspec.thumbnail": "data:image/png;base64,AAAA",
        "sd_finetune.settings": "{broken",
    }  # fmt: skip
    write_tensors(tmp_path / "x.safetensors", lora(LORA_KEY, 768), metadata)
    assert identify(tmp_path / "x.safetensors").training == {
        "network_dim": "32",
        "steps": "900",
        "modelspec.title": "T",
    }


def test_a_checkpoint_says_its_size_precision_and_what_it_lacks(tiny_file: Path, tmp_path: Path) -> None:
    tensors = read_tensors(tiny_file).tensors
    whole = identify(tiny_file)
    assert whole.text.splitlines()[0] == "tiny.safetensors: a Stable Diffusion 1 checkpoint"
    assert whole.details["parameters"] == f"{sum(tensor.numel() for tensor in tensors.values()) / 1e6:,.1f} million"
    assert whole.details["precision"] == "fp16, fp32"
    assert "missing" not in whole.details
    assert "EMA weights" not in whole.details
    parts = {name: tensor for name, tensor in tensors.items() if name.startswith(UNET)}
    average = {name.replace(UNET, "model_ema."): tensor for name, tensor in parts.items()}
    write_tensors(tmp_path / "x.safetensors", {**parts, **average}, {})
    pruned = identify(tmp_path / "x.safetensors")
    assert pruned.details["missing"] == "VAE and text encoder"
    assert pruned.details["EMA weights"] == "yes"


OTHER_KINDS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "controlnet": (("control_model.zero_convs.0.0.weight", UNET + "input_blocks.0.0.weight"), "controlnet", "no: "),
    "controlnet of diffusers": (("controlnet_cond_embedding.conv_in.weight",), "controlnet", "no: "),
    "control-lora": (("lora_controlnet", "input_hint_block.0.weight"), "controlnet", "no: "),
    "t2i-adapter": (("adapter.body.0.resnets.0.block1.weight",), "adapter", "no: "),
    "ip-adapter": (("image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"), "ip-adapter", "no: "),
    "animatediff": (("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight",), "motion", "no: "),
    "esrgan": (("model.1.sub.0.RDB1.conv1.0.weight", "model.0.weight"), "upscaler", "no: "),
    "clip": (("text_model.encoder.layers.0.mlp.fc1.weight", "x"), "text encoder", "no: "),
    "ldm unet": (("input_blocks.0.0.weight", "out.2.weight"), "unet", "no: a UNet alone"),
    "loha": ((f"{LORA_KEY}.hada_w1_a", f"{LORA_KEY}.alpha"), "lora", "base.continue_from of a LoRA"),
    "lokr": ((f"{LORA_KEY}.lokr_w1", f"{LORA_KEY}.lokr_w2"), "lora", "base.continue_from of a LoRA"),
    "dora": ((f"{LORA_KEY}.lora_down.weight", f"{LORA_KEY}.dora_scale"), "lora", "base.continue_from of a LoRA"),
    "oft": ((f"{LORA_KEY}.oft_blocks", f"{LORA_KEY}.alpha"), "lora", "not in training and `sample`"),
    "attention processors": (
        ("unet.mid_block.attn1.processor.to_q_lora.up.weight",), "lora", "base.continue_from of a LoRA"
    ),
    "peft": (("base_model.model.mid_block.to_q.lora_A.weight",), "lora", "base.continue_from of a LoRA"),
    "kohya": ((f"{LORA_KEY}.lora_down.weight", f"{LORA_KEY}.lora_up.weight"), "lora", "base.continue_from of a LoRA"),
    "wan": (("head.modulation", "blocks.0.cross_attn.k.weight"), "checkpoint", "no: it is for Wan"),
    "qwen": (("transformer_blocks.0.img_mlp.net.0.proj.weight", "x"), "checkpoint", "no: it is for Qwen-Image"),
    "refiner": (
        (UNET + "input_blocks.0.0.weight", "conditioner.embedders.0.model.ln_final.weight"), "checkpoint",
        "no: it is for SDXL refiner",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_what_users_bring_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    names, kind, use = OTHER_KINDS[name]
    write_tensors(tmp_path / "x.safetensors", {name: torch.ones(1, 4, 1, 1) for name in names}, {})
    found = identify(tmp_path / "x.safetensors")
    assert found.kind == kind
    assert found.use.startswith(use)
    assert f"  use here: {found.use}" in found.text.splitlines()
    if kind == "lora" and not use.startswith("base"):
        with pytest.raises(UserError):
            read_lora(tmp_path / "x.safetensors")


def test_an_upscaler_has_its_tensors_one_level_deeper(tmp_path: Path) -> None:
    torch.save({"params_ema": {"body.0.rdb1.conv1.weight": torch.ones(1)}}, tmp_path / "x.pth")
    assert identify(tmp_path / "x.pth").kind == "upscaler"


@pytest.mark.parametrize(
    ("metadata", "facts"),
    [
        ({"ss_base_model_version": "sd_v1_v"}, {"prediction type": "v"}),
        (
            {"modelspec.prediction_type": "epsilon", "ss_clip_skip": "2"},
            {"prediction type": "epsilon", "clip skip": "2"},
        ),
        ({"ss_sd_model_name": "base.ckpt", "ss_clip_skip": "None"}, {"made from": "base.ckpt"}),
        (
            {"sd_merge_models": '{"a1": {"name": "one.ckpt"}, "b2": {"name": "two"}, "c": 3}'},
            {"merged from": "one.ckpt, two"},
        ),
        ({"modelspec.merged_from": "one, two"}, {"merged from": "one, two"}),
    ],
)
def test_what_a_file_predicts_and_was_made_from(
    tmp_path: Path, metadata: dict[str, str], facts: dict[str, str]
) -> None:
    write_tensors(tmp_path / "x.safetensors", lora(LORA_KEY, 768), metadata)
    told = identify(tmp_path / "x.safetensors").details
    assert {name: told.get(name) for name in ("prediction type", "clip skip", "made from", "merged from")} == {
        "prediction type": None, "clip skip": None, "made from": None, "merged from": None, **facts
    }  # fmt: skip


def test_the_config_of_a_checkpoint_says_what_it_predicts(tiny_file: Path) -> None:
    assert identify(tiny_file).details["prediction type"] == "epsilon"
    config = tiny_file.with_suffix(".yaml")
    config.write_text(config.read_text().replace("params:", 'params:\n    parameterization: "v"', 1))
    assert identify(tiny_file).details["prediction type"] == "v"
