"""What is trained on in all measurements: base checkpoints, images and settings."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from sd_finetune.families.family import family_called
from sd_finetune.families.load_model import load_model
from sd_finetune.families.sd1.architecture import SD15, Sd1Architecture
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.families.sdxl.architecture import SDXL_BASE, SdxlArchitecture
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER
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
    is_small: bool = False
    family: str = "sd1"


SIZES = {
    "toy": Size(64, 4, 512, is_small=True),
    "sd15": Size(512, 1, 8192),
    "small-sdxl": Size(64, 4, 512, is_small=True, family="sdxl"),
    "sdxl": Size(1024, 1, 8192, family="sdxl"),
}
SMALL_SDXL = replace(
    SDXL_BASE,
    unet=replace(
        SDXL_BASE.unet, model_channels=32, num_head_channels=32, transformer_depth=(1, 1, 2), context_dim=64 + 128,
        adm_in_channels=128 + 6 * 256,
    ),
    vae=replace(SDXL_BASE.vae, ch=32, ch_mult=(1, 1, 1, 1), num_res_blocks=1),
    text_encoder=replace(
        SDXL_BASE.text_encoder, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2
    ),
    text_encoder_2=replace(
        SDXL_BASE.text_encoder_2, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
        projection_dim=128,
    ),
    image_size=8,
)  # fmt: skip
"""Proves rows of SDXL on a CPU."""
BLOCK = 2**20
"""Random numbers that a large checkpoint repeats, as making as many of them as it has weights takes minutes."""


def base_checkpoint(size: str, home: Path) -> Path:
    """The toy that is shipped, or seeded random weights in another shape, made in `home` once."""
    if size == "toy":
        return TOY_CHECKPOINT
    path = home / f"{size}.safetensors"
    if not path.exists() and size == "sd15":
        _random_checkpoint(path, SD15)
    elif not path.exists():
        _repeating_checkpoint(path, SDXL_BASE if size == "sdxl" else SMALL_SDXL)
    return path


def _repeating_checkpoint(path: Path, architecture: SdxlArchitecture) -> None:
    family, block = family_called("sdxl"), torch.randn(BLOCK, generator=torch.Generator().manual_seed(0)).half()
    parts = family.empty_modules(architecture).by_part()
    values = {
        part: {name: _repeated(block, name, tuple(value.shape)) for name, value in module.named_parameters()}
        for part, module in parts.items()
    }
    new_checkpoint(path, family, architecture, values)


def _repeated(block: torch.Tensor, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A weight that keeps what it is given about as large as it was; norms change nothing."""
    if len(shape) < 2:
        return torch.full(shape, float(name.endswith("weight")), dtype=block.dtype)
    count = math.prod(shape)
    return block.repeat(-(-count // len(block)))[:count].reshape(shape) / math.sqrt(count // shape[0])


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
    text_encoder = CLIPTextModel(model.text_encoder.config)  # scripts ask for it by the name of its class
    text_encoder.load_state_dict(model.text_encoder.state_dict())
    pipeline = cast("Any", StableDiffusionPipeline)(
        vae=model.vae.float(),
        text_encoder=text_encoder.float(),
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
    """With CLIP's tokenizer as sd-scripts name those of both text encoders."""
    for name in ("openai_clip-vit-large-patch14", "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k"):
        shutil.copytree(CLIP_TOKENIZER_FOLDER, folder / name)
    return folder


def settings_of(changes: Mapping[str, Any]) -> Settings:
    """Settings from "group.option": value, with one concept, whose options are those of "concepts"."""
    content: dict[str, Any] = {}
    for name, value in changes.items():
        group, _, option = name.rpartition(".")
        (content.setdefault(group, {}) if group else content)[option] = value
    return from_dict({**content, "concepts": [content["concepts"]]})
