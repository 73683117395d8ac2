"""The configs that come with the published models in diffusers' layout, as far as they say anything."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.families.sd1 import diffusers_config as sd1
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sdxl import diffusers_config as sdxl
from sd_finetune.families.sdxl.architecture import SDXL_BASE

CROSS = ["CrossAttnDownBlock2D"]
UNET = {
    "act_fn": "silu", "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False, "cross_attention_dim": 768, "down_block_types": CROSS * 3 + ["DownBlock2D"],
    "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
    "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}  # fmt: skip
VAE = {
    "act_fn": "silu", "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
    "sample_size": 512, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
CLIP_L = {
    "bos_token_id": 0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768, "intermediate_size": 3072,
    "max_position_embeddings": 77, "num_attention_heads": 12, "num_hidden_layers": 12, "projection_dim": 768,
    "vocab_size": 49408,
}  # fmt: skip
PNDM = {
    "_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
    "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
    "trained_betas": None, "clip_sample": False,
}  # fmt: skip
UNET_XL = {
    **UNET, "addition_embed_type": "text_time", "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280], "class_embed_type": None,
    "conv_in_kernel": 3, "cross_attention_dim": 2048, "down_block_types": ["DownBlock2D"] + CROSS * 2,
    "dual_cross_attention": False, "encoder_hid_dim": None, "mid_block_type": "UNetMidBlock2DCrossAttn",
    "num_attention_heads": None, "num_class_embeds": None, "only_cross_attention": False,
    "projection_class_embeddings_input_dim": 2816, "resnet_time_scale_shift": "default", "sample_size": 128,
    "time_cond_proj_dim": None, "time_embedding_type": "positional", "transformer_layers_per_block": [1, 2, 10],
    "up_block_types": ["CrossAttnUpBlock2D"] * 2 + ["UpBlock2D"], "upcast_attention": None,
    "use_linear_projection": True,
}  # fmt: skip
VAE_XL = {**VAE, "force_upcast": True, "latents_mean": None, "sample_size": 1024, "scaling_factor": 0.13025}
CLIP_G = {
    **CLIP_L, "hidden_act": "gelu", "hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20,
    "num_hidden_layers": 32, "projection_dim": 1280,
}  # fmt: skip
EULER = {**PNDM, "_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon", "use_karras_sigmas": False}


def test_the_published_models_are_known_by_their_configs() -> None:
    assert sd1.architecture_of(UNET, VAE, [CLIP_L], PNDM) == SD15
    assert sdxl.architecture_of(UNET_XL, VAE_XL, [CLIP_L, CLIP_G], EULER) == SDXL_BASE


def test_noise_is_read_from_the_scheduler() -> None:
    told = {**EULER, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "beta_end": 0.0125}
    found = sdxl.architecture_of(UNET_XL, VAE_XL, [CLIP_L, CLIP_G], told)
    assert (found.prediction_type, found.zero_terminal_snr, found.linear_end) == ("v_prediction", True, 0.0125)


@pytest.mark.parametrize(
    "changed",
    [
        {"time_cond_proj_dim": 256},
        {"up_block_types": ["UpBlock2D"] * 3},
        {"layers_per_block": [1, 2, 2]},
        {"addition_time_embed_dim": 128},
        {"block_out_channels": [320, 640]},
    ],
)
def test_what_no_such_model_has_is_refused(changed: dict[str, Any]) -> None:
    """As of distilled models (LCM) and others with more or fewer layers."""
    with pytest.raises(UserError, match=f"says {next(iter(changed))}|says transformer|says down_block_types"):
        sdxl.architecture_of({**UNET_XL, **changed}, VAE_XL, [CLIP_L, CLIP_G], EULER)
