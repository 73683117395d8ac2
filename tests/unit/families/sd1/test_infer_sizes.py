"""Sizes from tensors, the rest from the config, and no guess where both are silent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from sd_finetune.errors import UserError
from sd_finetune.families.sd1 import keys
from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture
from sd_finetune.families.sd1.infer_sizes import Shapes, infer_architecture
from sd_finetune.families.sd1.ldm_config import dump
from tests.tiny import TINY


def shapes_of(architecture: Sd1Architecture) -> Shapes:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig

    from sd_finetune.families.ldm.text_encoder import ClipTextEncoder

    with torch.device("meta"):
        modules = {
            "unet": UNet2DConditionModel(**architecture.unet_config()),
            "vae": AutoencoderKL(**architecture.vae_config()),
            "text_encoder": ClipTextEncoder(CLIPTextConfig(**architecture.text_config())),
        }
    table = keys.name_table(architecture)
    return {
        table[part][name].name: keys.file_shape(table[part][name].name, tuple(parameter.shape))
        for part, module in modules.items()
        for name, parameter in module.named_parameters()
    }


UNUSUAL = replace(
    TINY,
    unet=replace(
        TINY.unet,
        in_channels=9,
        channel_mult=(1, 1, 2),
        num_res_blocks=2,
        attention_resolutions=(4, 2),
        num_heads=0,
        num_head_channels=16,
        transformer_depth=(1, 2, 2),  # of the level without attention nothing is known
        context_dim=48,
    ),
    vae=replace(TINY.vae, ch=64, ch_mult=(1, 2, 2), num_res_blocks=2, z_channels=8, embed_dim=4),
    text_encoder=replace(TINY.text_encoder, hidden_size=48, num_hidden_layers=3, num_attention_heads=3),
    prediction_type="v_prediction",
    scale_factor=0.3,
    linear_start=0.001,
    linear_end=0.02,
    timesteps=500,
    image_size=24,
    text_model="some/folder",
)


def with_claim(section: str, **claims: object) -> str:
    content = yaml.safe_load(dump(TINY))
    target = content["model"]["params"][f"{section}_config"]["params"]
    (target["ddconfig"] if section == "first_stage" else target).update(claims)
    return yaml.safe_dump(content)


def test_everything_comes_back_from_tensors_and_config() -> None:
    # Another latent width than the VAE's is not a real model, but shows that nothing is taken from defaults.
    shapes = dict(shapes_of(replace(UNUSUAL, vae=replace(UNUSUAL.vae, embed_dim=8))))
    shapes["first_stage_model.post_quant_conv.weight"] = (8, 4, 1, 1)
    assert infer_architecture(shapes, dump(UNUSUAL)) == UNUSUAL


def test_stable_diffusion_1_5_needs_no_config() -> None:
    assert infer_architecture(shapes_of(SD15)) == SD15


def test_an_encoder_without_residual_blocks() -> None:
    shallow = replace(TINY, vae=replace(TINY.vae, ch_mult=(1, 1), num_res_blocks=0))
    assert infer_architecture(shapes_of(shallow), dump(shallow)) == shallow


def test_without_a_config_another_size_is_refused_since_its_heads_are_unknown() -> None:
    with pytest.raises(UserError, match=r"32 channels wide.*attention heads is unknown: put its \.yaml config"):
        infer_architecture(shapes_of(TINY))


@pytest.mark.parametrize(
    ("section", "name", "claim"),
    [
        ("unet", "model_channels", 320),
        ("unet", "channel_mult", [1, 2, 4, 4]),
        ("unet", "attention_resolutions", [2]),
        ("unet", "context_dim", 768),
        ("unet", "num_res_blocks", [1, 2]),
        ("first_stage", "ch", 128),
        ("first_stage", "ch_mult", [1, 2, 4]),
    ],
)
def test_a_config_that_contradicts_the_tensors_is_refused(section: str, name: str, claim: object) -> None:
    with pytest.raises(UserError, match=rf"says {name} .* but the checkpoint's tensors say"):
        infer_architecture(shapes_of(TINY), with_claim(section, **{name: claim}))


def test_a_number_given_once_for_each_level_is_that_number() -> None:
    assert infer_architecture(shapes_of(TINY), with_claim("unet", num_res_blocks=[1, 1])) == TINY


def test_minus_one_heads_means_that_the_width_of_a_head_is_given() -> None:
    unet = infer_architecture(shapes_of(TINY), with_claim("unet", num_heads=-1, num_head_channels=16)).unet
    assert (unet.num_heads, unet.num_head_channels) == (0, 16)
    assert replace(TINY, unet=unet).unet_config()["attention_head_dim"] == (2, 4)


def test_text_encoder_heads_from_the_folder_that_the_config_names(tmp_path: Path) -> None:
    content = yaml.safe_load(dump(replace(TINY, text_model="clip")))
    del content["text_encoder"]
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text(json.dumps({"hidden_size": 32, "num_attention_heads": 8}))
    measured = infer_architecture(shapes_of(TINY), yaml.safe_dump(content), tmp_path)
    assert measured.text_encoder.num_attention_heads == 8


def test_a_missing_tensor_is_named() -> None:
    shapes = dict(shapes_of(TINY))
    del shapes["first_stage_model.decoder.conv_out.weight"]
    with pytest.raises(KeyError, match=r"first_stage_model\.decoder\.conv_out\.weight"):
        infer_architecture(shapes, dump(TINY))


@pytest.mark.parametrize(("section", "claims"), [("unet", {"num_heads": 7}), ("unet", {"num_head_channels": 7})])
def test_heads_that_cannot_be_are_refused(section: str, claims: dict[str, int]) -> None:
    with pytest.raises(UserError, match=rf"says {next(iter(claims))} 7, which does not divide the 32 channels"):
        infer_architecture(shapes_of(TINY), with_claim(section, **claims))
