"""Generates images with a model: samples, class images, the `sample` command, the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..families.conditioning import TextConditioning, join_conditioning
from ..families.family import DiffusionModel
from ..settings.prompt_reading import AS_THE_WEBUI, PromptReading

BringBack = Callable[[Iterable[str]], AbstractContextManager[None]]
"""A context in which parts of the model are on the device that it computes on."""
Encode = Callable[[Sequence[str]], TextConditioning]
"""Prompts to the UNet's conditioning, a row each."""
IMAGES_PER_DECODE = 4
"""In one pass of the VAE's decoder, which takes more memory for one image of 512 px than the UNet."""
SAMPLERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}),
    "euler": (EulerDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "euler_a": (EulerAncestralDiscreteScheduler, {"timestep_spacing": "linspace"}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True, "final_sigmas_type": "zero"}),
}


def nothing_is_away(parts: Iterable[str]) -> AbstractContextManager[None]:
    """A `BringBack` for a model all of whose parts are where they compute."""
    return nullcontext()


@dataclass(frozen=True)
class GenerationSettings:
    """How images are generated. width, height: pixels, multiples of 8; guidance_scale 1 = no guidance."""

    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    negative_prompt: str = ""
    reading: PromptReading = AS_THE_WEBUI


@dataclass(frozen=True)
class Drawn:
    """A generated image, or `why` it is none: a sentence part, as numbers overflowed or nothing but black came out."""

    image: Image.Image | None
    why: str = ""


def generate_images(
    model: DiffusionModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: GenerationSettings,
    autocast: AbstractContextManager[Any] | None = None,
    check: Callable[[], None] = lambda: None,
    encode: Encode | None = None,
    bring_back: BringBack = nothing_is_away,
) -> list[Image.Image]:
    """One image for each prompt and seed, in one batch; an image depends on its own seed, not on the batch.

    check: called before each denoising step and each pass of the decoder; what it raises ends this. encode: one that
    remembers prompts, for several batches of the same. bring_back: called for each part of the model while it works.

    Raises:
        UserError: one of them is not finite or all black.
    """
    images: list[Image.Image] = []
    all_drawn = draw_images(model, prompts, seeds, settings, autocast, check, encode, bring_back)
    for seed, drawn in zip(seeds, all_drawn, strict=True):
        if drawn.image is None:
            raise UserError(no_image(seed, drawn))
        images.append(drawn.image)
    return images


@torch.no_grad()
def draw_images(
    model: DiffusionModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: GenerationSettings,
    autocast: AbstractContextManager[Any] | None = None,
    check: Callable[[], None] = lambda: None,
    encode: Encode | None = None,
    bring_back: BringBack = nothing_is_away,
) -> list[Drawn]:
    """As `generate_images`, with a reason in the place of each image that is none."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    encode = encode or _each_once(model, settings.reading, bring_back)
    with autocast or nullcontext():
        conditioning = _conditioning(model, prompts, settings, encode)
        with bring_back(["unet"]):
            latents = _denoise(model, conditioning, generators, settings, check)
    with bring_back(["vae"]):
        pixels = decode_latents(model, latents, check)  # not under autocast: SD1's VAE overflows in float16
    whole = to_bytes(pixels)
    return [_drawn(whole[k], _why_not_finite(model, latents[k], pixels[k])) for k in range(len(prompts))]


def _each_once(model: DiffusionModel, reading: PromptReading, bring_back: BringBack) -> Encode:
    """Encodes each distinct prompt of a batch once."""

    def encode(prompts: Sequence[str]) -> TextConditioning:
        distinct = list(dict.fromkeys(prompts))
        with bring_back(model.text_encoders):
            encoded = dict(zip(distinct, model.encode_each(distinct, reading), strict=True))
        return join_conditioning([encoded[prompt] for prompt in prompts])

    return encode


def no_image(seed: int, drawn: Drawn) -> str:
    """A sentence about an image that is not shown."""
    return (
        f"The image of seed {seed} {drawn.why}: check the checkpoint and the files used with it, or use another "
        "precision, such as bf16 or fp32."
    )


def _why_not_finite(model: DiffusionModel, latents: Tensor, pixels: Tensor) -> str:
    if torch.isfinite(pixels).all():
        return ""
    part, module = ("VAE", model.vae) if torch.isfinite(latents).all() else ("UNet", model.unet)
    return f"is NaN or infinite, as the {part} overflowed in {str(module.dtype).removeprefix('torch.')}"


def _drawn(pixels: Tensor, why: str) -> Drawn:
    why = why or ("" if pixels.any() else "is all black")
    return Drawn(None, why) if why else Drawn(Image.fromarray(cast("Any", np.asarray(pixels))))


def _conditioning(
    model: DiffusionModel, prompts: Sequence[str], settings: GenerationSettings, encode: Encode
) -> TextConditioning:
    """Of the prompts, after that of as many negative ones where there is guidance."""
    conditioning = encode(prompts)
    if settings.guidance_scale == 1:
        return conditioning
    unconditional = _unconditional(model, settings.negative_prompt, encode).repeated(len(prompts))
    return join_conditioning([unconditional, conditioning])


def _denoise(
    model: DiffusionModel,
    conditioning: TextConditioning,
    generators: list[torch.Generator],
    settings: GenerationSettings,
    check: Callable[[], None],
) -> Tensor:
    """Scaled latents, (prompts, 4, height/8, width/8), float32."""
    device = model.unet.device
    scheduler = scheduler_of(model, settings.sampler, settings.steps)
    shape = (model.unet.config.in_channels, settings.height // 8, settings.width // 8)
    noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
    latents = noise.to(device) * scheduler.init_noise_sigma
    guided = settings.guidance_scale != 1
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


def _unconditional(model: DiffusionModel, negative_prompt: str, encode: Encode) -> TextConditioning:
    """What guidance leads away from, one row: as in the WebUI, zeros for an empty prompt where the family has them."""
    encoded = encode([negative_prompt])
    return encoded.without_text() if model.family.facts.zeroes_empty_negative and not negative_prompt else encoded


def _timesteps(scheduler: Any, settings: GenerationSettings) -> Tensor:
    """The timesteps from noise to image: for DDIM as in the WebUI, which starts higher than diffusers."""
    if settings.sampler != "ddim":
        return scheduler.timesteps
    total = scheduler.config.num_train_timesteps
    rising = torch.arange(0, total, max(1, total // settings.steps)) + 1
    # The WebUI leaves out the lowest timestep, where hardly any noise is left; of one step nothing would remain.
    return (rising[1:] if len(rising) > 1 else rising).clamp(max=total - 1).flip(0)


def decode_latents(model: DiffusionModel, latents: Tensor, check: Callable[[], None] = lambda: None) -> Tensor:
    """Pixels, float32 (batch, 3, height, width), from 0 black to 1 white but for overshoots, of scaled latents.

    Where the VAE overflows in half precision it works in float32 from then on.
    """
    pixels = _decoded(model, latents, check)
    if not torch.isfinite(pixels).all() and torch.isfinite(latents).all() and model.vae.dtype != torch.float32:
        model.vae.to(torch.float32)
        pixels = _decoded(model, latents, check)
    return pixels


def to_bytes(pixels: Tensor) -> Tensor:
    """uint8 (batch, height, width, 3) on the CPU."""
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu()


def _decoded(model: DiffusionModel, latents: Tensor, check: Callable[[], None]) -> Tensor:
    scaled = latents.to(model.vae.dtype) / model.scale_factor
    pixels: list[Tensor] = []
    for start in range(0, len(scaled), IMAGES_PER_DECODE):
        check()
        pixels.append(model.vae.decode(scaled[start : start + IMAGES_PER_DECODE]).sample)
    return torch.cat(pixels).float() / 2 + 0.5


def scheduler_of(model: DiffusionModel, sampler: str, steps: int) -> Any:
    """The sampler at its first of so many steps, on the model's device."""
    kind, options = SAMPLERS[sampler]
    alphas = model.alphas_cumprod
    betas = 1 - alphas / torch.cat([alphas.new_ones(1), alphas[:-1]])
    scheduler = kind(trained_betas=np.asarray(betas.cpu()), prediction_type=model.prediction_type, **options)
    scheduler.set_timesteps(steps, device=alphas.device)
    if hasattr(scheduler, "set_begin_index"):
        # With zero terminal SNR several steps round to the last timestep, of which diffusers would begin at the second.
        scheduler.set_begin_index(0)
    return scheduler
