"""The table of names covers the modules exactly, at any size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig

from sd_finetune.families.ldm.text_encoder import ClipTextEncoder
from sd_finetune.families.sd1 import keys
from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture, TextEncoderSizes, UNetSizes, VaeSizes

TOY = Sd1Architecture(
    unet=UNetSizes(model_channels=64, channel_mult=(1, 1, 1, 1), num_heads=4, context_dim=64),
    vae=VaeSizes(ch=32, ch_mult=(1, 1, 2, 2), num_res_blocks=1),
    text_encoder=TextEncoderSizes(hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4),
)
ODD = replace(
    SD15,
    unet=replace(
        SD15.unet,
        channel_mult=(1, 1, 2),
        num_res_blocks=1,
        attention_resolutions=(4, 2),
        num_heads=0,
        num_head_channels=64,
        transformer_depth=(2, 2, 2),
    ),
    vae=replace(SD15.vae, ch_mult=(1, 2, 2), num_res_blocks=3),
)

SHALLOW = replace(SD15, vae=replace(SD15.vae, ch_mult=(1, 1, 1, 1), num_res_blocks=0))
"""An encoder without residual blocks; its decoder has one at each level."""


def module_names(architecture: Sd1Architecture) -> dict[str, set[str]]:
    with torch.device("meta"):
        modules = {
            "unet": UNet2DConditionModel(**architecture.unet_config()),
            "vae": AutoencoderKL(**architecture.vae_config()),
            "text_encoder": ClipTextEncoder(CLIPTextConfig(**architecture.text_config())),
        }
    return {part: {name for name, _ in module.named_parameters()} for part, module in modules.items()}


@pytest.mark.parametrize("architecture", [SD15, TOY, ODD, SHALLOW], ids=["sd15", "toy", "odd", "shallow"])
def test_the_table_names_every_parameter_of_the_modules_and_nothing_else(architecture: Sd1Architecture) -> None:
    table = keys.name_table(architecture)
    assert {part: set(names) for part, names in table.items()} == module_names(architecture)


@pytest.mark.parametrize("architecture", [SD15, TOY, ODD, SHALLOW], ids=["sd15", "toy", "odd", "shallow"])
def test_no_two_parameters_share_a_name_in_the_file(architecture: Sd1Architecture) -> None:
    ldm_names = [place.name for places in keys.name_table(architecture).values() for place in places.values()]
    assert len(ldm_names) == len(set(ldm_names))


def test_names_as_published_checkpoints_have_them() -> None:
    table = {
        part: {name: place.name for name, place in places.items()} for part, places in keys.name_table(SD15).items()
    }
    assert (
        table["unet"]["down_blocks.0.downsamplers.0.conv.weight"] == "model.diffusion_model.input_blocks.3.0.op.weight"
    )
    assert table["unet"]["up_blocks.0.upsamplers.0.conv.bias"] == "model.diffusion_model.output_blocks.2.1.conv.bias"
    assert table["unet"]["up_blocks.1.upsamplers.0.conv.bias"] == "model.diffusion_model.output_blocks.5.2.conv.bias"
    assert (
        table["unet"]["mid_block.resnets.1.conv1.weight"] == "model.diffusion_model.middle_block.2.in_layers.2.weight"
    )
    assert (
        table["vae"]["decoder.up_blocks.0.resnets.0.norm1.weight"]
        == "first_stage_model.decoder.up.3.block.0.norm1.weight"
    )
    assert (
        table["vae"]["encoder.mid_block.attentions.0.to_out.0.bias"]
        == "first_stage_model.encoder.mid.attn_1.proj_out.bias"
    )
    assert (
        table["text_encoder"]["text_model.encoder.layers.11.mlp.fc2.weight"]
        == "cond_stage_model.transformer.text_model.encoder.layers.11.mlp.fc2.weight"
    )


@pytest.mark.parametrize(
    ("file_name", "usual"),
    [
        (
            "cond_stage_model.transformer.encoder.layers.0.mlp.fc1.bias",
            "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias",
        ),
        (
            "cond_stage_model.transformer.final_layer_norm.weight",
            "cond_stage_model.transformer.text_model.final_layer_norm.weight",
        ),
        (
            "cond_stage_model.transformer.text_model.final_layer_norm.weight",
            "cond_stage_model.transformer.text_model.final_layer_norm.weight",
        ),
        ("first_stage_model.encoder.conv_in.weight", "first_stage_model.encoder.conv_in.weight"),
    ],
)
def test_a_text_encoder_without_text_model_in_its_names_is_understood(file_name: str, usual: str) -> None:
    assert keys.usual_spelling(file_name) == usual


@pytest.mark.parametrize(
    ("part", "name", "in_file", "in_module"),
    [
        ("vae", "encoder.mid_block.attentions.0.to_q.weight", (8, 8, 1, 1), (8, 8)),
        ("vae", "encoder.mid_block.attentions.0.to_q.weight", (8, 8), (8, 8)),
        ("vae", "encoder.mid_block.attentions.0.group_norm.weight", (8,), (8,)),
        ("vae", "encoder.mid_block.attentions.0.to_q.bias", (8,), (8,)),
        ("vae", "encoder.conv_in.weight", (8, 3, 3, 3), (8, 3, 3, 3)),
        ("unet", "mid_block.attentions.0.proj_in.weight", (8, 8, 1, 1), (8, 8, 1, 1)),
        ("unet", "mid_block.attentions.0.proj_in.weight", (8, 8), (8, 8, 1, 1)),
        ("unet", "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight", (16, 8), (16, 8)),
    ],
)
def test_one_by_one_convolutions_and_linear_layers(
    part: str, name: str, in_file: tuple[int, ...], in_module: tuple[int, ...]
) -> None:
    assert keys.module_shape(part, name, in_file) == in_module


def test_a_new_file_has_convolutions_where_ldm_has_them() -> None:
    assert keys.file_shape("first_stage_model.decoder.mid.attn_1.k.weight", (8, 8)) == (8, 8, 1, 1)
    assert keys.file_shape("first_stage_model.decoder.mid.attn_1.k.bias", (8,)) == (8,)
    assert keys.file_shape("model.diffusion_model.middle_block.1.proj_in.weight", (8, 8, 1, 1)) == (8, 8, 1, 1)
    assert keys.file_shape("model.diffusion_model.time_embed.0.weight", (32, 8)) == (32, 8)
