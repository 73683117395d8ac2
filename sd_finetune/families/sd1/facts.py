"""Facts of Stable Diffusion 1.x (1.4, 1.5 and what was fine-tuned from them)."""

from __future__ import annotations

from ..facts import Activations, FamilyFacts, MemoryFacts
from .presets import PRESETS

SD1 = FamilyFacts(
    name="sd1",
    title="Stable Diffusion 1",
    version_on_cards="SD1",
    native_resolution=512,
    text_encoders=("text_encoder",),
    part_prefixes={
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "cond_stage_model.transformer.",
    },
    part_titles={"unet": "UNet", "vae": "VAE", "text_encoder": "text encoder"},
    lora_prefixes={"unet": "lora_unet_", "text_encoder": "lora_te_"},
    lora_implementation="diffusers",
    embedding_names={"text_encoder": "emb_params"},  # as in kohya's files; the WebUI takes any
    kohya_v2=False,
    kohya_versions={"epsilon": "sd_v1", "v_prediction": "sd_v1_v"},
    modelspec_architecture="stable-diffusion-v1",
    memory=MemoryFacts(
        unet=859_520_964,
        text_encoders=123_060_480,
        vae=83_653_863,
        unet_lora_per_rank=423_936,
        unet_lora_conv_per_rank=626_880,
        text_encoders_lora_per_rank=165_888,
        hypernetwork=21_939_840,
        largest=29_491_200,
        in_half=Activations(
            word=(1_026_000_000, 260_000_000),
            lora=(1_255_000_000, 309_000_000),
            hypernetwork=(1_158_000_000, 274_000_000),
            weights=(1_272_000_000, 295_000_000),
            text_encoders=(35_000_000, 3_000_000),
        ),
        in_full=Activations(
            word=(1_567_000_000, 455_000_000),
            lora=(1_893_000_000, 488_000_000),
            hypernetwork=(1_785_000_000, 479_000_000),
            weights=(1_910_000_000, 490_000_000),
            text_encoders=(60_000_000, 5_000_000),
        ),
        denoising=(142_000_000, 273_000_000),
        decoding=(403_000_000, 806_000_000),
        encoding=(337_000_000, 674_000_000),
        scores=(732_000_000, 137_000_000),
        presets=PRESETS,
    ),
)
