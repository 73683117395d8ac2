"""Training of PEFT's layers with diffusers' UNet, written as a user of both would, after PEFT's image example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from PIL import Image
from torch import Tensor
from torch.nn.functional import mse_loss

from benchmarks.peer_commands import CLASS_PROMPT, PROMPT, Work
from sd_finetune.demo.run import load_base
from sd_finetune.families.family import DiffusionModel

from .cases import PARTS, Case
from .same_work import WARMUP, SameWork

LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
"""The attention blocks as a whole, as the demo's LoRA has them."""
PRIOR_WEIGHT, LONGEST_GRADIENT = 1.0, 1.0


def with_layers(unet: Any, algorithm: str, rank: int) -> Any:
    """With PEFT's own of an algorithm beside it, which alone are trained; PEFT is no requirement of this project."""
    import peft as package

    peft = cast("Any", package)
    if algorithm == "lora":
        config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS)
    elif algorithm == "oft":
        config = peft.OFTConfig(r=rank, target_modules=LAYERS)
    else:
        kind = {"lokr": peft.LoKrConfig, "loha": peft.LoHaConfig}[algorithm]
        config = kind(r=rank, alpha=rank, target_modules=LAYERS)
    unet.requires_grad_(False)
    return peft.inject_adapter_in_model(config, unet)


class Examples:
    """Of one prompt: distributions of latents and the text's hidden states."""

    def __init__(self, pipeline: Any, folder: Path, prompt: str) -> None:
        files = sorted(folder.glob("*.png"))
        pixels = np.stack([np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) for file in files])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1
        tokens = pipeline.tokenizer(prompt, padding="max_length", max_length=77, return_tensors="pt").input_ids
        self.scale = pipeline.vae.config.scaling_factor
        with torch.no_grad():
            found = pipeline.vae.encode(images).latent_dist
            self.mean, self.spread = found.mean, found.std
            self.text = pipeline.text_encoder(tokens)[0]

    def some(self, count: int) -> tuple[Tensor, Tensor]:
        """Latents and hidden states of that many, by chance."""
        chosen = torch.randint(len(self.mean), (count,))
        latents = self.mean[chosen] + self.spread[chosen] * torch.randn_like(self.mean[chosen])
        return latents * self.scale, self.text.expand(count, -1, -1)


def peft_models(case: Case, seed: int, rate: float, same: SameWork) -> Iterator[tuple[int, DiffusionModel]]:
    """Train; the model at several steps, with the layers in it."""
    torch.manual_seed(seed)
    work, scored = same.at(rate), load_base()
    pipeline = cast("Any", StableDiffusionPipeline).from_pretrained(work.diffusers_folder, safety_checker=None)
    unet = scored.unet = with_layers(pipeline.unet, case.algorithm, work.rank)
    groups = {PROMPT: work.images, **({CLASS_PROMPT: work.class_images} if case.prior == "images" else {})}
    examples = {prompt: Examples(pipeline, folder, prompt) for prompt, folder in groups.items()}
    noise_schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
    trained = [value for value in unet.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate)
    schedule = get_cosine_schedule_with_warmup(optimizer, WARMUP, work.steps)
    for step in range(1, work.steps + 1):
        loss = _loss(unet, noise_schedule, examples, work)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % (work.steps // PARTS) == 0:
            with torch.random.fork_rng():
                yield step, scored


def _loss(unet: Any, noise_schedule: Any, examples: Mapping[str, Examples], work: Work) -> Tensor:
    """Of a batch, with that of as many class images, if there are any, in the same forward pass."""
    found = [group.some(work.batch) for group in examples.values()]
    latents, text = (torch.cat(part) for part in zip(*found, strict=True))
    noise = torch.randn_like(latents)
    timesteps = torch.randint(noise_schedule.config.num_train_timesteps, (len(latents),))
    predicted = unet(noise_schedule.add_noise(latents, noise, timesteps), timesteps, text).sample
    subject, *classes = (
        mse_loss(p, n) for p, n in zip(predicted.split(work.batch), noise.split(work.batch), strict=True)
    )
    return subject + PRIOR_WEIGHT * classes[0] if classes else subject
