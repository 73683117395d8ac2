"""Facts of SDXL 1.0 and what was fine-tuned from it."""

from __future__ import annotations

from ..facts import Activations, FamilyFacts, MemoryFacts
from ..lora_layers import LoraLayers
from .presets import PRESETS

SDXL = FamilyFacts(
    name="sdxl",
    title="SDXL",
    version_on_cards="SDXL",
    native_resolution=1024,
    text_encoders=("text_encoder", "text_encoder_2"),
    part_prefixes={
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    part_titles={
        "unet": "UNet",
        "vae": "VAE",
        "text_encoder": "first text encoder (CLIP-L)",
        "text_encoder_2": "second text encoder (CLIP-G)",
    },
    lora_prefixes={"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"},
    lora_implementation="https://github.com/Stability-AI/generative-models",
    embedding_names={"text_encoder": "clip_l", "text_encoder_2": "clip_g"},
    kohya_v2=False,
    learning_rates={
        # kohya's sdxl_train_network.md; diffusers' train_text_to_image_sdxl.py, and half of it as with Stable Diffusion
        # 1 (SDXL's own is given as 4e-7); diffusers' textual_inversion_sdxl.py
        "lora": {"unet_learning_rate": 1e-4, "text_encoder_learning_rate": 1e-5},
        "dreambooth": {"unet_learning_rate": 1e-6, "text_encoder_learning_rate": 5e-7},
        "textual_inversion": {"embedding_learning_rate": 5e-4},
    },
    kohya_versions={"epsilon": "sdxl_base_v1-0", "v_prediction": "sdxl_base_v1-0"},
    modelspec_architecture="stable-diffusion-xl-v1-base",
    pipelines=("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"),
    memory=MemoryFacts(
        unet=2_567_463_684,
        text_encoders=817_720_320,
        vae=83_653_863,
        lora_layers=(
            LoraLayers(
                False,
                "attention",
                "60 640 640 1, 20 640 2048 1, 360 1280 1280 1, 120 1280 2048 1",
            ),
            LoraLayers(
                False,
                "mlp",
                "10 640 640 1, 10 5120 640 1, 10 640 2560 1, 12 1280 1280 1, 60 10240 1280 1, 60 1280 5120 1",
            ),
            LoraLayers(
                False,
                "convolutions",
                "8 320 320 9, 5 320 1280 1, 1 640 320 9, 6 640 1280 1, 8 640 640 9, 1 640 320 1, 1 1280 640 9, 7 "
                "1280 1280 1, 11 1280 1280 9, 1 1280 640 1, 2 1280 2560 9, 2 1280 2560 1, 1 1280 1920 9, 1 1280 "
                "1920 1, 1 640 1920 9, 1 640 1920 1, 1 640 1280 9, 1 640 960 9, 1 640 960 1, 1 320 960 9, 1 320 "
                "960 1, 2 320 640 9, 2 320 640 1",
            ),
            LoraLayers(
                False,
                "rest",
                "1 320 4 9, 1 1280 320 1, 2 1280 1280 1, 1 1280 2816 1, 1 4 320 9",
            ),
            LoraLayers(
                True,
                "attention",
                "48 768 768 1, 128 1280 1280 1",
            ),
            LoraLayers(
                True,
                "mlp",
                "12 3072 768 1, 12 768 3072 1, 32 5120 1280 1, 32 1280 5120 1",
            ),
        ),
        hypernetwork=49_962_240,
        largest=29_491_200,
        in_half=Activations(
            word=(1_689_000_000, 199_000_000),
            lora=(2_112_000_000, 202_000_000),
            hypernetwork=(1_925_000_000, 181_000_000),
            weights=(2_171_000_000, 223_000_000),
            text_encoders=(92_000_000, 19_000_000),
        ),
        in_full=Activations(
            word=(2_711_000_000, 309_000_000),
            lora=(3_382_000_000, 317_000_000),
            hypernetwork=(3_111_000_000, 267_000_000),
            weights=(3_456_000_000, 362_000_000),
            text_encoders=(120_000_000, 40_000_000),
        ),
        denoising=(105_000_000, 165_000_000),
        decoding=(403_000_000, 805_000_000),
        encoding=(337_000_000, 674_000_000),
        scores=(215_000_000, 11_300_000),
        presets=PRESETS,
    ),
    size_ids=True,
    zeroes_empty_negative=True,
    has_clip_skip=False,
)
