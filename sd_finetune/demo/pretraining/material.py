"""What the toys are pretrained on: images of the toy world as latents, and captions as token ids. Seeded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from torch import Tensor
from transformers import CLIPTokenizer

from .. import world
from .stages import save_via

EMPTY_CAPTION_SHARE = 0.1
"""Share of empty captions, for classifier-free guidance (arXiv 2207.12598)."""
RANDOM_WORD_SHARE = 0.05
"""Share of captions with a random word as article, so that a meaningless word does not change the class."""
UNSEEN_TOKEN = 48136
"""The token of "sks", which must stay unseen."""


def image_bank(folder: Path, count: int, seed: int) -> tuple[np.ndarray, list[world.Scene]]:
    """`count` random images, uint8 (count, height, width, 3), and their scenes; the images are kept in a file."""
    rng = np.random.default_rng(seed)
    scenes = [world.random_scene(rng) for _ in range(count)]
    return drawn_scenes(folder / f"bank-{count}-{seed}.npy", scenes), scenes


def drawn_scenes(path: Path, scenes: Sequence[world.Scene]) -> np.ndarray:
    """Their images, which are kept in a file."""
    if not path.exists():
        save_via(path, lambda p: np.save(p, np.stack([np.asarray(world.draw_scene(s)) for s in scenes])))
    return np.load(path)


def to_pixels(images: np.ndarray) -> Tensor:
    """uint8 (batch, height, width, 3) to float (batch, 3, height, width) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def encoded(vae: AutoencoderKL, pixels: Tensor) -> DiagonalGaussianDistribution:
    """The distribution of an image's latents."""
    return cast("AutoencoderKLOutput", vae.encode(pixels)).latent_dist


@torch.no_grad()
def latent_bank(folder: Path, vae: AutoencoderKL, images: np.ndarray) -> tuple[Tensor, float]:
    """Scaled latents of all images, (count, 4, 8, 8), and the scale factor that gives them unit variance."""
    path = folder / "latents.pt"
    if not path.exists():
        batches = [
            encoded(vae, to_pixels(images[start : start + 64]).to(vae.device)).mode().cpu()
            for start in range(0, len(images), 64)
        ]
        save_via(path, lambda p: torch.save(torch.cat(batches), p))
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


def seen_tokens(tokenizer: CLIPTokenizer) -> list[int]:
    """The tokens of the world's captions, in order."""
    rng = np.random.default_rng(0)
    texts = ["", *(world.caption(world.random_scene(rng)) for _ in range(2000))]
    return sorted({token for text in set(texts) for token in tokenizer(text).input_ids})
