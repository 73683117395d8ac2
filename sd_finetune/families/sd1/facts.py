"""Facts of Stable Diffusion 1.x (1.4, 1.5 and what was fine-tuned from them)."""

from __future__ import annotations

from ..facts import Activations, FamilyFacts, MemoryFacts
from ..lora_layers import LoraLayers
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
    pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"),
    memory=MemoryFacts(
        unet=859_520_964,
        text_encoders=123_060_480,
        vae=83_653_863,
        lora_layers=(
            LoraLayers(
                False,
                "attention",
                "30 320 320 1, 10 320 768 1, 30 640 640 1, 10 640 768 1, 36 1280 1280 1, 12 1280 768 1",
            ),
            LoraLayers(
                False,
                "mlp",
                "10 320 320 1, 5 2560 320 1, 5 320 1280 1, 10 640 640 1, 5 5120 640 1, 5 640 2560 1, 12 1280 "
                "1280 1, 6 10240 1280 1, 6 1280 5120 1",
            ),
            LoraLayers(
                False,
                "convolutions",
                "8 320 320 9, 5 320 1280 1, 1 640 320 9, 6 640 1280 1, 8 640 640 9, 1 640 320 1, 1 1280 640 9, "
                "12 1280 1280 1, 20 1280 1280 9, 1 1280 640 1, 5 1280 2560 9, 5 1280 2560 1, 1 1280 1920 9, 1 "
                "1280 1920 1, 1 640 1920 9, 1 640 1920 1, 1 640 1280 9, 1 640 960 9, 1 640 960 1, 1 320 960 9, 1 "
                "320 960 1, 2 320 640 9, 2 320 640 1",
            ),
            LoraLayers(
                False,
                "rest",
                "1 320 4 9, 1 1280 320 1, 1 1280 1280 1, 1 4 320 9",
            ),
            LoraLayers(
                True,
                "attention",
                "48 768 768 1",
            ),
            LoraLayers(
                True,
                "mlp",
                "12 3072 768 1, 12 768 3072 1",
            ),
        ),
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
