"""The VAE's start: before any training it already shows what it is given, only smoothed."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL

from sd_finetune.demo import world
from sd_finetune.demo.pretraining.linear_start import start_linear
from sd_finetune.demo.pretraining.pretrain import VAE_CONFIG, reconstruction_psnr


def test_it_draws_smoothed_images_at_once():
    torch.manual_seed(0)
    vae = AutoencoderKL(**VAE_CONFIG)
    rng = np.random.default_rng(0)
    images = np.stack([np.asarray(world.draw_scene(world.random_scene(rng))) for _ in range(8)])
    untouched = reconstruction_psnr(vae, images)
    start_linear(vae)
    assert reconstruction_psnr(vae, images) > max(18, untouched + 6)
