"""Facts of Stable Diffusion 1.x (1.4, 1.5 and what was fine-tuned from them)."""

from __future__ import annotations

from ..facts import FamilyFacts, MemoryFacts

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
    lora_prefixes={"unet": "lora_unet_", "text_encoder": "lora_te_"},
    kohya_v2=False,
    kohya_versions={"epsilon": "sd_v1", "v_prediction": "sd_v1_v"},
    modelspec_architecture="stable-diffusion-v1",
    memory=MemoryFacts(
        unet=859_520_964,
        text_encoders=123_060_480,
        vae=83_653_863,
        unet_lora_per_rank=423_936,
        text_encoders_lora_per_rank=165_888,
        hypernetwork=21_939_840,
    ),
)
