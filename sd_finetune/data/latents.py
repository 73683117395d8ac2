"""Images to latents: z = s·E(x), a new sample of the encoder's distribution at each use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from .images import fit_image, open_image


def to_pixels(image: NDArray[np.uint8]) -> Tensor:
    """(height, width, 3), 0 … 255 → (3, height, width), float32, -1 … 1."""
    return torch.as_tensor(image).permute(2, 0, 1).float() / 127.5 - 1


class Moments(Protocol):
    """A source of the encoder's distribution of an image."""

    def __call__(self, image: Path, flipped: bool) -> Tensor:
        """Mean and standard deviation before scaling: (2, 4, height/8, width/8), float32, on the CPU."""
        ...


class Distribution(Protocol):
    """What is used of diffusers' `DiagonalGaussianDistribution`: mean and standard deviation."""

    mean: Tensor
    std: Tensor


class Encoded(Protocol):
    """What is used of diffusers' `AutoencoderKLOutput`."""

    @property
    def latent_dist(self) -> Distribution: ...


class ImageAutoencoder(Protocol):
    """What is used of diffusers' `AutoencoderKL`, whose own annotations leave open what it returns."""

    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    def encode(self, x: Tensor) -> Encoded: ...
    def to(self, dtype: torch.dtype) -> Any: ...


class ImageEncoder:
    """Reads and encodes the image at each call."""

    def __init__(self, vae: ImageAutoencoder, resolution: int) -> None:
        self.vae = vae
        self.resolution = resolution

    @torch.no_grad()
    def __call__(self, image: Path, flipped: bool) -> Tensor:
        """Moments as in `Moments`. A VAE that overflows in half precision works in float32 from then on.

        Raises UserError for an unreadable image and for latents that are not finite.
        """
        pixels = to_pixels(fit_image(open_image(image), self.resolution))
        if flipped:
            pixels = pixels.flip(-1)
        moments = self._moments(pixels)
        if not torch.isfinite(moments).all() and self.vae.dtype != torch.float32:
            self.vae.to(torch.float32)  # for all that follows, so that one overflow costs one repetition
            moments = self._moments(pixels)
        if not torch.isfinite(moments).all():
            raise UserError(
                f"The checkpoint's VAE encodes {image} to NaN or infinity: replace the image, or choose another "
                "checkpoint."
            )
        return moments

    def _moments(self, pixels: Tensor) -> Tensor:
        # One at a time: the numbers must not depend on which images share a batch.
        with torch.autocast(self.vae.device.type, enabled=False):  # which would encode in fp16
            distribution = self.vae.encode(pixels[None].to(self.vae.device, self.vae.dtype)).latent_dist
        return torch.cat([distribution.mean, distribution.std]).float().cpu()


class MomentsCache:
    """The moments of all images, in memory, so that the VAE is not needed any more.

    A mirrored image has its own entry: an encoder does not turn mirrored pixels into exactly mirrored latents.
    """

    def __init__(
        self,
        encoder: Moments,
        images: Iterable[Path],
        horizontal_flip: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Encodes every distinct image; progress: called with (images done, images in all) after each."""
        distinct = list(dict.fromkeys(images))
        variants = (False, True) if horizontal_flip else (False,)
        self._moments: dict[tuple[Path, bool], Tensor] = {}
        for done, image in enumerate(distinct, start=1):
            for flipped in variants:
                self._moments[image, flipped] = encoder(image, flipped)
            if progress:
                progress(done, len(distinct))

    def __call__(self, image: Path, flipped: bool) -> Tensor:
        """Moments as in `Moments`. Raises KeyError for an image that was not given."""
        return self._moments[image, flipped]


class LatentSampler:
    """Draws latents for training."""

    def __init__(self, moments: Moments, scale_factor: float, horizontal_flip: bool = False) -> None:
        """scale_factor: the checkpoint's s in z = s·E(x). horizontal_flip: mirror half of the draws."""
        self.moments = moments
        self.scale_factor = scale_factor
        self.horizontal_flip = horizontal_flip

    def draw(self, images: Sequence[Path], generator: torch.Generator) -> Tensor:
        """Latents (batch, 4, height/8, width/8), float32, on the generator's device.

        One image at a time, so that four at once or two and two give the same from the same generator.
        """
        return torch.stack([self._draw_one(image, generator) for image in images])

    def _draw_one(self, image: Path, generator: torch.Generator) -> Tensor:
        device = generator.device
        flipped = self.horizontal_flip and bool(torch.rand((), generator=generator, device=device) < 0.5)
        mean, std = self.moments(image, flipped).to(device)
        noise = torch.randn(mean.shape, generator=generator, device=device)
        return (mean + std * noise) * self.scale_factor
