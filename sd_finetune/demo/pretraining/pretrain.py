"""Pretrains the toy checkpoint: VAE, then UNet and text encoder together. Seeded and resumable.

    python -m sd_finetune.demo.pretraining.pretrain WORK_FOLDER [--vae-steps N] [--unet-steps N]
        [--unet-batch N] [--device cuda]

The parts are saved in WORK_FOLDER every few hundred steps; run the same command again to resume. With
`--start CHECKPOINT` it starts from the weights of an earlier toy.
`python -m sd_finetune.demo.pretraining.build WORK_FOLDER` turns them into the checkpoint and prints the quality report.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ...families.family import DiffusionModel
from ...families.load_model import load_model
from ...families.vocabulary import CLIP_TOKENIZER_FOLDER
from ...formats.checkpoint import read_checkpoint
from .. import world
from .denoising import Denoising, Examples, train_denoiser
from .linear_start import start_linear
from .material import Captions, drawn_scenes, encoded, image_bank, latent_bank, to_pixels
from .stages import print_progress, remaining_steps, set_rate

VAE_CONFIG: dict[str, Any] = {
    "block_out_channels": (64, 64, 64, 64),
    "layers_per_block": 0,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "sample_size": world.IMAGE_SIZE,
}
TEXT_CONFIG: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": 49408,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "projection_dim": 128,
}
UNET_CONFIG: dict[str, Any] = {
    "block_out_channels": (64, 64, 64, 64),
    "layers_per_block": 2,
    "cross_attention_dim": 128,
    "attention_head_dim": 4,
    "sample_size": world.IMAGE_SIZE // 8,
}
BANK_IMAGES = 24_000
TWO_TONE_IMAGES = 12_000
"""Only for the VAE, so that it can encode what the UNet does not know, such as the demo's subject."""
VAE_BATCH = 8
VAE_LEARNING_RATE = 8e-4
ENCODER_STEPS = 2700
"""After so many steps the encoder is frozen: the UNet can be trained on its latents while the decoder still trains."""
FULL_LENGTH_FROM = 0.85
"""Until this share of its steps the UNet gets captions without most of their padding."""


def vae_bank(folder: Path, seed: int) -> np.ndarray:
    """The training images of the VAE, uint8 (count, height, width, 3): all of the UNet's, and two-tone ones."""
    rng = np.random.default_rng(seed + 50)
    scenes = [world.two_tone_scene(rng) for _ in range(TWO_TONE_IMAGES)]
    two_tone = drawn_scenes(folder / f"two-tone-{TWO_TONE_IMAGES}-{seed}.npy", scenes)
    return np.concatenate([image_bank(folder, BANK_IMAGES, seed)[0], two_tone, two_tone])


def _decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    return cast("DecoderOutput", vae.decode(cast("torch.FloatTensor", latents))).sample


def vae_loss(vae: AutoencoderKL, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """L1 + 2 MSE + half the L1 of the image's gradients + 1e-6 KL, means over everything."""
    posterior = encoded(vae, pixels)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(pixels.device)
    decoded = _decoded(vae, posterior.mean + posterior.std * noise)
    difference = decoded - pixels
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).sum((1, 2, 3)).mean()
    return difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges + 1e-6 * kl


def train_vae(folder: Path, steps: int, seed: int, device: torch.device, start: DiffusionModel | None) -> AutoencoderKL:
    """The VAE after `steps` steps, the encoder after ENCODER_STEPS of them."""
    torch.manual_seed(seed)
    vae = AutoencoderKL(**VAE_CONFIG)
    start_linear(vae)
    if start:
        vae.load_state_dict(start.vae.state_dict())
    cast("Any", vae).to(device)  # which diffusers wraps without types
    images = vae_bank(folder, seed)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=VAE_LEARNING_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    parts = {"vae": vae, "optimizer": optimizer}
    for step in remaining_steps(folder / "vae.pt", parts, steps):
        rng = np.random.default_rng((seed, 1, step))
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pixels = to_pixels(images[np.sort(rng.integers(0, len(images), VAE_BATCH))]).to(device)
        for module in (vae.encoder, vae.quant_conv):
            if module is not None:
                module.requires_grad_(step < ENCODER_STEPS)
        loss = vae_loss(vae, pixels, generator)
        set_rate(optimizer, VAE_LEARNING_RATE, step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        print_progress("vae", step, steps, float(loss.detach()))
    return vae.eval()


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, images: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of decode(encode(image)), over 8-bit images."""
    errors = []
    for start in range(0, len(images), 32):
        pixels = to_pixels(images[start : start + 32]).to(vae.device)
        decoded = _decoded(vae, encoded(vae, pixels).mode()).clamp(-1, 1)
        errors.append(((decoded - pixels) * 127.5).round().square().mean((1, 2, 3)))
    return float(10 * torch.log10(255**2 / torch.cat(errors).mean()))


def train_unet(
    folder: Path,
    vae: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    steps: int,
    batch: int,
    seed: int,
    device: torch.device,
    start: DiffusionModel | None,
) -> None:
    """Train UNet and text encoder on `batch` images a step; they and their moving averages are saved in `folder`."""
    torch.manual_seed(seed + 1)
    unet = UNet2DConditionModel(**UNET_CONFIG)
    text_encoder = CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG))
    torch.nn.init.normal_(text_encoder.text_model.embeddings.token_embedding.weight, std=0.05)
    if start:
        unet.load_state_dict(start.unet.state_dict())
        text_encoder.load_state_dict(start.text_encoder.state_dict())
    images, scenes = image_bank(folder, BANK_IMAGES, seed)
    latents, _ = latent_bank(folder, vae, images)
    both = torch.nn.ModuleList([unet, text_encoder])
    stage = Denoising(
        file=folder / "unet.pt",
        steps=steps,
        batch=batch,
        seed=seed,
        stream=2,
        is_full=lambda step, _: step >= FULL_LENGTH_FROM * steps,
        device=device,
    )

    def predict(noisy: Tensor, timesteps: Tensor, ids: Tensor, _: np.random.Generator) -> Tensor:
        return unet(noisy, timesteps, text_encoder(ids).last_hidden_state).sample

    train_denoiser(stage, both, Examples(latents, scenes, Captions(tokenizer)), predict)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretrain the toy checkpoint.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vae-steps", type=int, default=6000)
    parser.add_argument("--unet-steps", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unet-batch", type=int, default=32)
    parser.add_argument("--start", type=Path, help="an earlier toy checkpoint")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    start = load_model(read_checkpoint(options.start)) if options.start else None
    vae = train_vae(options.folder, options.vae_steps, options.seed, options.device, start)
    held_out, _ = image_bank(options.folder, 512, options.seed + 100)
    print(f"vae psnr {reconstruction_psnr(vae, held_out):.2f} dB", flush=True)
    tokenizer = CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER)
    train_unet(
        options.folder, vae, tokenizer, options.unet_steps, options.unet_batch, options.seed, options.device, start
    )


if __name__ == "__main__":
    main()
