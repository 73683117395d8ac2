"""What is trained on in all measurements: base checkpoints, images and settings."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import CLIP_TOKENIZER_FOLDER
from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.checkpoint import new_checkpoint, read_checkpoint
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict

PROMPT = "a photo of sks star"


@dataclass(frozen=True)
class Size:
    """A base checkpoint and the images that go with it."""

    resolution: int
    batch: int
    """Images in a forward pass, unless a row says otherwise."""
    product_side: int
    """Side of the matrices whose product is the ceiling."""


SIZES = {"toy": Size(64, 4, 512), "sd15": Size(512, 1, 8192)}


def base_checkpoint(size: str, home: Path) -> Path:
    """The toy that is shipped, or seeded random weights in Stable Diffusion 1.5's shape, made in `home` once."""
    if size == "toy":
        return TOY_CHECKPOINT
    path = home / f"{size}.safetensors"
    if not path.exists():
        _random_checkpoint(path, SD15)
    return path


def _random_checkpoint(path: Path, architecture: Sd1Architecture) -> None:
    torch.manual_seed(0)
    modules = {
        "unet": UNet2DConditionModel(**architecture.unet_config()),
        "vae": AutoencoderKL(**architecture.vae_config()),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**architecture.text_config())),
    }
    new_checkpoint(path, FAMILY, architecture, {name: module.state_dict() for name, module in modules.items()})


def image_folder(folder: Path, count: int, side: int) -> Path:
    """`count` images of noise, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def diffusers_folder(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint as diffusers' scripts read it, in fp32."""
    model = load_model(read_checkpoint(checkpoint))
    architecture: Sd1Architecture = read_checkpoint(checkpoint).architecture
    scheduler = DDPMScheduler(
        num_train_timesteps=architecture.timesteps,
        beta_start=architecture.linear_start,
        beta_end=architecture.linear_end,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
    )
    pipeline = cast("Any", StableDiffusionPipeline)(
        vae=model.vae.float(),
        text_encoder=model.text_encoder.float(),
        tokenizer=model.tokenizer,
        unet=model.unet.float(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def tokenizer_folder(folder: Path) -> Path:
    """With CLIP's tokenizer as sd-scripts name it."""
    shutil.copytree(CLIP_TOKENIZER_FOLDER, folder / "openai_clip-vit-large-patch14")
    return folder


def settings_of(changes: Mapping[str, Any]) -> Settings:
    """Settings from "group.option": value, with one concept, whose options are those of "concepts"."""
    content: dict[str, Any] = {}
    for name, value in changes.items():
        group, _, option = name.rpartition(".")
        (content.setdefault(group, {}) if group else content)[option] = value
    return from_dict({**content, "concepts": [content["concepts"]]})
