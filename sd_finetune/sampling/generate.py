"""Generates images with a model: samples, class images, the `sample` command, the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from ..families.conditioning import join_conditioning
from ..families.family import DiffusionModel

IMAGES_PER_DECODE = 4
"""In one pass of the VAE's decoder, which takes more memory for one image of 512 px than the UNet."""
SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "euler": (EulerDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "euler_a": (EulerAncestralDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True, "final_sigmas_type": "zero"}),
}


@dataclass(frozen=True)
class GenerationSettings:
    """How images are generated. width, height: pixels, multiples of 8; guidance_scale 1 = no guidance."""

    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    negative_prompt: str = ""


@torch.no_grad()
def generate_images(
    model: DiffusionModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: GenerationSettings,
    autocast: AbstractContextManager[Any] | None = None,
    check: Callable[[], None] = lambda: None,
) -> list[Image.Image]:
    """One image for each prompt and seed, in one batch; an image depends on its own seed, not on the batch.

    check: called before each denoising step and each pass of the decoder; what it raises ends this.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    with autocast or nullcontext():
        latents = _denoise(model, prompts, generators, settings, check)
    pixels = decode_latents(model, latents, check)  # not under autocast: SD1's VAE overflows in float16
    return [Image.fromarray(image) for image in np.asarray(pixels)]


def _denoise(
    model: DiffusionModel,
    prompts: Sequence[str],
    generators: list[torch.Generator],
    settings: GenerationSettings,
    check: Callable[[], None],
) -> Tensor:
    """Scaled latents, (prompts, 4, height/8, width/8), float32."""
    device = model.unet.device
    scheduler = _scheduler(model, settings.sampler)
    scheduler.set_timesteps(settings.steps, device=device)
    shape = (model.unet.config.in_channels, settings.height // 8, settings.width // 8)
    noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
    latents = noise.to(device) * scheduler.init_noise_sigma
    guided = settings.guidance_scale != 1
    conditioning = model.encode_prompts(prompts)
    if guided:
        unconditional = model.encode_prompts([settings.negative_prompt]).repeated(len(prompts))
        conditioning = join_conditioning([unconditional, conditioning])
    extra = {"generator": generators} if settings.sampler == "euler_a" else {}
    for timestep in _timesteps(scheduler, settings):
        check()
        model_input = scheduler.scale_model_input(latents, timestep)
        both = torch.cat([model_input] * 2) if guided else model_input
        predicted = model.predict(both, timestep, conditioning).float()
        if guided:
            without, with_prompt = predicted.chunk(2)
            predicted = without + settings.guidance_scale * (with_prompt - without)
        latents = scheduler.step(predicted, timestep, latents, **extra).prev_sample
    return latents


def _timesteps(scheduler: Any, settings: GenerationSettings) -> Tensor:
    """The timesteps from noise to image: for DDIM as in the WebUI, which starts higher than diffusers."""
    if settings.sampler != "ddim":
        return scheduler.timesteps
    total = scheduler.config.num_train_timesteps
    rising = torch.arange(0, total, max(1, total // settings.steps)) + 1
    # The WebUI leaves out the lowest timestep, where hardly any noise is left; of one step nothing would remain.
    return (rising[1:] if len(rising) > 1 else rising).clamp(max=total - 1).flip(0)


def decode_latents(model: DiffusionModel, latents: Tensor, check: Callable[[], None] = lambda: None) -> Tensor:
    """Images, uint8 (batch, height, width, 3) on the CPU, of scaled latents (batch, 4, height/8, width/8)."""
    scaled = latents.to(model.vae.dtype) / model.scale_factor
    pixels: list[Tensor] = []
    for start in range(0, len(scaled), IMAGES_PER_DECODE):
        check()
        pixels.append(model.vae.decode(scaled[start : start + IMAGES_PER_DECODE]).sample)
    whole = (torch.cat(pixels).float() / 2 + 0.5).clamp(0, 1) * 255
    return whole.round().to(torch.uint8).permute(0, 2, 3, 1).cpu()


def _scheduler(model: DiffusionModel, sampler: str) -> Any:
    kind, options = SAMPLERS[sampler]
    betas = 1 - model.alphas_cumprod / torch.cat([model.alphas_cumprod.new_ones(1), model.alphas_cumprod[:-1]])
    return kind(trained_betas=np.asarray(betas.cpu()), prediction_type=model.prediction_type, **options)
