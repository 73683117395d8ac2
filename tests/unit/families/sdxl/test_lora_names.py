"""The names of an SDXL LoRA's layers at full size, and those that other programs give them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from sd_finetune.families.family import Modules
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sd1.family import FAMILY as SD1_FAMILY
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.sdxl.facts import SDXL
from sd_finetune.families.sdxl.family import FAMILY
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.hypernetwork import context_widths

DEPTHS = {
    "input_blocks_4": 2, "input_blocks_5": 2, "input_blocks_7": 10, "input_blocks_8": 10, "middle_block": 10,
    **{f"output_blocks_{number}": 10 if number < 3 else 2 for number in range(6)},
}  # fmt: skip
"""Blocks of sgm's UNet that have a transformer, and the layers of it."""
ATTENTIONS = [f"attn{a}_to_{letter}" for a in (1, 2) for letter in ("q", "k", "v", "out_0")]
TEXT_LAYERS = ["mlp_fc1", "mlp_fc2", *(f"self_attn_{letter}_proj" for letter in ("q", "k", "v", "out"))]


@pytest.fixture(scope="module")
def modules() -> Modules:
    return FAMILY.empty_modules(SDXL_BASE)


def kohya_s() -> Iterator[str]:
    """Spelled out as kohya's scripts find them in sgm's modules and transformers' text encoders."""
    for block, depth in DEPTHS.items():
        yield f"lora_unet_{block}_1_proj_in"
        yield f"lora_unet_{block}_1_proj_out"
        for number in range(depth):
            for layer in (*ATTENTIONS, "ff_net_0_proj", "ff_net_2"):
                yield f"lora_unet_{block}_1_transformer_blocks_{number}_{layer}"
    for encoder, layers in ((1, 12), (2, 32)):
        for number in range(layers):
            yield from (f"lora_te{encoder}_text_model_encoder_layers_{number}_{layer}" for layer in TEXT_LAYERS)


def test_all_layers_have_kohya_s_names(modules: Modules) -> None:
    found = [
        FAMILY.lora_name(SDXL_BASE, part, path)
        for part in SDXL.trainable_parts
        for path in FAMILY.lora_targets(part, modules.by_part()[part])
    ]
    expected = set(kohya_s())
    assert set(found) == expected
    assert len(found) == len(expected) == 722 + 72 + 192
    assert "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q" in expected


def test_a_lora_has_as_many_parameters_for_each_rank(modules: Modules) -> None:
    counts = dict.fromkeys(SDXL.trainable_parts, 0)
    for part in counts:
        targets = FAMILY.lora_targets(part, modules.by_part()[part])
        network = new_adapter_network(targets, ALGORITHMS["lora"], 2, 2, torch.Generator())
        counts[part] = sum(parameter.numel() for parameter in network.parameters())
    assert counts["unet"] == 2 * 2_659_840
    assert counts["text_encoder"] + counts["text_encoder_2"] == 2 * 903_168


def test_layers_beside_convolutions(modules: Modules) -> None:
    usual, all_of_them = (FAMILY.lora_targets("unet", modules.unet, convolutions) for convolutions in (False, True))
    more = {path: layer for path, layer in all_of_them.items() if path not in usual}
    assert len(more) == 66, "as many as kohya's scripts have"
    network = new_adapter_network(more, ALGORITHMS["lora"], 2, 2, torch.Generator())
    assert sum(parameter.numel() for parameter in network.parameters()) == 2 * 414_400
    names = {FAMILY.lora_name(SDXL_BASE, "unet", path) for path in more}
    assert {"lora_unet_input_blocks_3_0_op", "lora_unet_output_blocks_2_2_conv"} <= names
    assert {"lora_unet_input_blocks_4_0_skip_connection", "lora_unet_middle_block_0_emb_layers_1"} <= names


OTHERS = {
    "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q": "input_blocks_4_1_transformer_blocks_0_attn1_to_q",
    "mid_block_attentions_0_proj_in": "middle_block_1_proj_in",
    "mid_block_resnets_1_conv2": "middle_block_2_out_layers_3",
    "up_blocks_1_attentions_2_transformer_blocks_1_ff_net_2": "output_blocks_5_1_transformer_blocks_1_ff_net_2",
    "down_blocks_1_downsamplers_0_conv": "input_blocks_6_0_op",
    "up_blocks_0_upsamplers_0_conv": "output_blocks_2_2_conv",  # which the WebUI's own table has elsewhere
    "up_blocks_1_upsamplers_0_conv": "output_blocks_5_2_conv",
    "time_embedding_linear_1": "time_embed_0",
}


@pytest.mark.parametrize("other", OTHERS)
def test_diffusers_names_are_known(other: str) -> None:
    assert FAMILY.usual_lora_name(SDXL_BASE, f"lora_unet_{other}") == f"lora_unet_{OTHERS[other]}"


def test_usual_names_stay(modules: Modules) -> None:
    assert all(FAMILY.usual_lora_name(SDXL_BASE, name) == name for name in kohya_s())
    sd1 = SD1_FAMILY.empty_modules(SD15)
    own = [SD1_FAMILY.lora_name(SD15, "unet", path) for path in SD1_FAMILY.lora_targets("unet", sd1.unet)]
    assert all(SD1_FAMILY.usual_lora_name(SD15, name) == name for name in own)
    ldm = SD1_FAMILY.usual_lora_name(SD15, "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q")
    assert ldm == "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    text = "text_model_encoder_layers_3_mlp_fc1"
    assert SD1_FAMILY.usual_lora_name(SD15, f"lora_te1_{text}") == f"lora_te_{text}"


def test_contexts_have_the_widths_of_two_levels_and_of_the_text(modules: Modules) -> None:
    assert context_widths(modules.unet) == [640, 1280, 2048]
