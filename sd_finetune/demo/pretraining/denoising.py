"""Teaches a UNet, and text encoders with it or not, to denoise the toy world's latents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor, nn

from .. import world
from .material import Captions
from .stages import print_progress, remaining_steps, set_rate

LEARNING_RATE = 1e-3
SHORT_CAPTION_TOKENS = 16
"""A caption without most of its padding: 1.5 times as many steps per minute."""

Predict = Callable[[Tensor, Tensor, Tensor, np.random.Generator], Tensor]
"""What a model predicts for noisy latents at timesteps with the captions' token ids; what it draws is of the step."""


@dataclass(frozen=True)
class Examples:
    """What is learned from: scaled latents (count, 4, 8, 8) of scenes, and how those are captioned."""

    latents: Tensor
    scenes: list[world.Scene]
    captions: Captions


@dataclass(frozen=True)
class Denoising:
    """One stage. `stream`: of its random numbers; `is_full`: whether a step has captions of all 77 tokens."""

    file: Path
    steps: int
    batch: int
    seed: int
    stream: int
    is_full: Callable[[int, np.random.Generator], bool]
    device: torch.device
    predicts_v: bool = False
    """v instead of the noise, with a zero terminal SNR (arXiv 2305.08891)."""

    def scheduler(self) -> DDPMScheduler:
        return DDPMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            rescale_betas_zero_snr=self.predicts_v,
        )


def timestep_weights(alphas_cumprod: Tensor) -> Tensor:
    """Loss weight of each timestep, 1/sqrt(SNR) within [0.6, 3], mean 1: colors and positions depend on high noise,
    which a plain loss on epsilon hardly weighs (cf. arXiv 2310.08442). One on v weighs it without that."""
    snr = alphas_cumprod / (1 - alphas_cumprod)
    weights = snr.rsqrt().clamp(0.6, 3.0)
    return weights / weights.mean()


def train_denoiser(stage: Denoising, trained: nn.ModuleList, examples: Examples, predict: Predict) -> None:
    """Train the modules; they and their moving averages are saved in the stage's file."""
    scheduler, device = stage.scheduler(), stage.device
    weights = (torch.ones(1000) if stage.predicts_v else timestep_weights(scheduler.alphas_cumprod)).to(device)
    trained.to(device)
    average = torch.optim.swa_utils.AveragedModel(
        trained, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
    )
    parameters = [p for p in trained.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-3, fused=True)
    parts = {"both": trained, "average": average, "optimizer": optimizer}
    for step in remaining_steps(stage.file, parts, stage.steps):
        rng = np.random.default_rng((stage.seed, stage.stream, step))
        generator = torch.Generator().manual_seed(stage.seed * 1_000_003 + step)
        chosen = rng.integers(0, len(examples.latents), stage.batch)
        clean = examples.latents[chosen].to(device)
        ids = examples.captions.batch([examples.scenes[i] for i in chosen], rng)
        ids = (ids if stage.is_full(step, rng) else ids[:, :SHORT_CAPTION_TOKENS]).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        timesteps = torch.randint(0, 1000, (stage.batch,), generator=generator).to(device)
        at = cast("torch.IntTensor", timesteps)
        predicted = predict(scheduler.add_noise(clean, noise, at), timesteps, ids, rng)
        target = scheduler.get_velocity(clean, noise, at) if stage.predicts_v else noise
        loss = (weights[timesteps] * (predicted - target).square().mean((1, 2, 3))).mean()
        set_rate(optimizer, LEARNING_RATE, step, stage.steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update_parameters(trained)
        print_progress(stage.file.stem, step, stage.steps, float(loss.detach()))


def averaged_weights(file: Path) -> Mapping[str, Tensor]:
    """The moving averages that a stage saved, by their names in its list of modules."""
    saved = torch.load(file, map_location="cpu", weights_only=True)["average"]
    return {name.removeprefix("module."): value for name, value in saved.items() if name.startswith("module.")}
