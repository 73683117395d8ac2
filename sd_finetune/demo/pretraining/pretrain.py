"""Pretrains the toy checkpoint: VAE, then UNet and text encoder together. Seeded and resumable.

    python -m sd_finetune.demo.pretraining.pretrain WORK_FOLDER [--vae-steps N] [--unet-steps N]
        [--unet-batch N] [--device cuda]

The parts are saved in WORK_FOLDER every few hundred steps; run the same command again to resume. With
`--start CHECKPOINT` it starts from the weights of an earlier toy.
`python -m sd_finetune.demo.pretraining.build WORK_FOLDER` turns them into the checkpoint and prints the quality report.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from ...families.family import DiffusionModel
from ...families.load_model import load_model
from ...families.prompts import CLIP_TOKENIZER_FOLDER
from ...formats.checkpoint import read_checkpoint
from ...optimizers.schedules import learning_rate_factor
from ...settings.groups.optimizer import Schedule
from .. import world
from .linear_start import start_linear

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
UNET_LEARNING_RATE = 1e-3
WARMUP_STEPS = 100
ENCODER_STEPS = 2700
"""After so many steps the encoder is frozen: the UNet can be trained on its latents while the decoder still trains."""
SHORT_CAPTION_TOKENS = 16
FULL_LENGTH_FROM = 0.85
"""Until this share of its steps the UNet gets captions without most of their padding: 1.5 times as many per minute."""
EMPTY_CAPTION_SHARE = 0.1
"""Share of empty captions, for classifier-free guidance (arXiv 2207.12598)."""
RANDOM_WORD_SHARE = 0.05
"""Share of captions with a random word as article, so that a meaningless word does not change the class."""
UNSEEN_TOKEN = 48136
"""The token of "sks", which must stay unseen."""
SAVE_EVERY = 300


def image_bank(folder: Path, count: int, seed: int) -> tuple[np.ndarray, list[world.Scene]]:
    """`count` random images, uint8 (count, height, width, 3), and their scenes; the images are kept in a file."""
    rng = np.random.default_rng(seed)
    scenes = [world.random_scene(rng) for _ in range(count)]
    return _drawn_scenes(folder / f"bank-{count}-{seed}.npy", scenes), scenes


def vae_bank(folder: Path, seed: int) -> np.ndarray:
    """The training images of the VAE, uint8 (count, height, width, 3): all of the UNet's, and two-tone ones."""
    rng = np.random.default_rng(seed + 50)
    scenes = [world.two_tone_scene(rng) for _ in range(TWO_TONE_IMAGES)]
    two_tone = _drawn_scenes(folder / f"two-tone-{TWO_TONE_IMAGES}-{seed}.npy", scenes)
    return np.concatenate([image_bank(folder, BANK_IMAGES, seed)[0], two_tone, two_tone])


def _drawn_scenes(path: Path, scenes: Sequence[world.Scene]) -> np.ndarray:
    if not path.exists():
        _save_via(path, lambda p: np.save(p, np.stack([np.asarray(world.draw_scene(s)) for s in scenes])))
    return np.load(path)


def to_pixels(images: np.ndarray) -> Tensor:
    """uint8 (batch, height, width, 3) to float (batch, 3, height, width) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _encoded(vae: AutoencoderKL, pixels: Tensor) -> DiagonalGaussianDistribution:
    return cast("AutoencoderKLOutput", vae.encode(pixels)).latent_dist


def _decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    return cast("DecoderOutput", vae.decode(cast("torch.FloatTensor", latents))).sample


def vae_loss(vae: AutoencoderKL, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """L1 + 2 MSE + half the L1 of the image's gradients + 1e-6 KL, means over everything."""
    posterior = _encoded(vae, pixels)
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
    for step in _steps(folder / "vae.pt", parts, steps):
        rng = np.random.default_rng((seed, 1, step))
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pixels = to_pixels(images[np.sort(rng.integers(0, len(images), VAE_BATCH))]).to(device)
        for module in (vae.encoder, vae.quant_conv):
            if module is not None:
                module.requires_grad_(step < ENCODER_STEPS)
        loss = vae_loss(vae, pixels, generator)
        _set_rate(optimizer, VAE_LEARNING_RATE, step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        _print_progress("vae", step, steps, float(loss.detach()))
    return vae.eval()


@torch.no_grad()
def reconstruction_psnr(vae: AutoencoderKL, images: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of decode(encode(image)), over 8-bit images."""
    errors = []
    for start in range(0, len(images), 32):
        pixels = to_pixels(images[start : start + 32]).to(vae.device)
        decoded = _decoded(vae, _encoded(vae, pixels).mode()).clamp(-1, 1)
        errors.append(((decoded - pixels) * 127.5).round().square().mean((1, 2, 3)))
    return float(10 * torch.log10(255**2 / torch.cat(errors).mean()))


@torch.no_grad()
def latent_bank(folder: Path, vae: AutoencoderKL, images: np.ndarray) -> tuple[Tensor, float]:
    """Scaled latents of all images, (count, 4, 8, 8), and the scale factor that gives them unit variance."""
    path = folder / "latents.pt"
    if not path.exists():
        batches = [
            _encoded(vae, to_pixels(images[start : start + 64]).to(vae.device)).mode().cpu()
            for start in range(0, len(images), 64)
        ]
        _save_via(path, lambda p: torch.save(torch.cat(batches), p))
    latents = torch.load(path, weights_only=True)
    scale = round(float(1 / latents.std()), 5)
    return latents * scale, scale


class Captions:
    """Token ids of random captions of scenes, the same for the same seed and step."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self.tokenizer = tokenizer
        self.known: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        if text not in self.known:
            self.known[text] = self.tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
        return self.known[text]

    def batch(self, scenes: list[world.Scene], rng: np.random.Generator) -> Tensor:
        return torch.tensor([self._one(scene, rng) for scene in scenes])

    def _one(self, scene: world.Scene, rng: np.random.Generator) -> list[int]:
        text = "" if rng.random() < EMPTY_CAPTION_SHARE else world.caption(scene, rng)
        ids = list(self.ids(text))
        if text and rng.random() < RANDOM_WORD_SHARE:
            random_word = int(rng.integers(1000, 49000))
            ids[4] = random_word if random_word != UNSEEN_TOKEN else random_word + 1
        return ids


def timestep_weights(alphas_cumprod: Tensor) -> Tensor:
    """Loss weight of each timestep, 1/sqrt(SNR) within [0.6, 3], mean 1: colors and positions depend on high noise,
    which a plain loss on epsilon hardly weighs (cf. arXiv 2310.08442)."""
    snr = alphas_cumprod / (1 - alphas_cumprod)
    weights = snr.rsqrt().clamp(0.6, 3.0)
    return weights / weights.mean()


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
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    weights = timestep_weights(scheduler.alphas_cumprod).to(device)
    both = torch.nn.ModuleList([unet, text_encoder]).to(device)
    average = torch.optim.swa_utils.AveragedModel(both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995))
    optimizer = torch.optim.AdamW(both.parameters(), lr=UNET_LEARNING_RATE, weight_decay=1e-3, fused=True)
    captions = Captions(tokenizer)
    parts = {"both": both, "average": average, "optimizer": optimizer}
    for step in _steps(folder / "unet.pt", parts, steps):
        rng = np.random.default_rng((seed, 2, step))
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        chosen = rng.integers(0, len(latents), batch)
        clean = latents[chosen].to(device)
        ids = captions.batch([scenes[i] for i in chosen], rng).to(device)
        if step < FULL_LENGTH_FROM * steps:
            ids = ids[:, :SHORT_CAPTION_TOKENS]
        noise = torch.randn(clean.shape, generator=generator).to(device)
        timesteps = torch.randint(0, 1000, (batch,), generator=generator).to(device)
        noisy = scheduler.add_noise(clean, noise, cast("torch.IntTensor", timesteps))
        predicted = unet(noisy, timesteps, text_encoder(ids).last_hidden_state).sample
        loss = (weights[timesteps] * (predicted - noise).square().mean((1, 2, 3))).mean()
        _set_rate(optimizer, UNET_LEARNING_RATE, step, steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(both)
        _print_progress("unet", step, steps, float(loss.detach()))


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = peak * learning_rate_factor(Schedule("cosine"), step, steps, WARMUP_STEPS)


def _steps(path: Path, parts: dict[str, Any], total: int) -> Iterator[int]:
    """The remaining steps; loads the parts from `path` first, and saves them there every SAVE_EVERY steps."""
    done = 0
    if path.exists():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        done = saved["done"]
    for step in range(done, total):
        yield step
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == total:
            state = {name: part.state_dict() for name, part in parts.items()}
            _save_via(path, lambda p, state=state, step=step: torch.save({**state, "done": step + 1}, p))


def _save_via(path: Path, write: Any) -> None:
    unfinished = path.with_name("unfinished-" + path.name)
    write(unfinished)
    os.replace(unfinished, path)


_started = time.monotonic()


def _print_progress(what: str, step: int, steps: int, loss: float) -> None:
    if step % 100 == 0:
        print(f"{what} {step}/{steps} loss {loss:.4f} {time.monotonic() - _started:.0f} s", flush=True)


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
