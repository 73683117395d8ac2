"""Images to latents: z = s·E(x), a new sample of the encoder's distribution at each use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from .color_jitter import Colors
from .cropping import Crop
from .images import fit_image, open_image


def to_pixels(image: NDArray[np.uint8]) -> Tensor:
    """(height, width, 3), 0 … 255 → (3, height, width), float32, -1 … 1."""
    return torch.as_tensor(image).permute(2, 0, 1).float() / 127.5 - 1


class View(NamedTuple):
    """What is encoded: a part of an image, mirrored or not, perhaps with other colors."""

    image: Path
    crop: Crop
    flipped: bool = False
    colors: Colors | None = None


class Moments(Protocol):
    """A source of the encoder's distribution of an image."""

    def __call__(self, view: View) -> Tensor:
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

    def __init__(self, vae: ImageAutoencoder) -> None:
        self.vae = vae

    @torch.no_grad()
    def __call__(self, view: View) -> Tensor:
        """Moments as in `Moments`. A VAE that overflows in half precision works in float32 from then on.

        Raises UserError for an unreadable image and for latents that are not finite.
        """
        image = fit_image(open_image(view.image), view.crop)
        pixels = to_pixels(view.colors.applied(image) if view.colors else image)
        if view.flipped:
            pixels = pixels.flip(-1)
        moments = self._moments(pixels)
        if not torch.isfinite(moments).all() and self.vae.dtype != torch.float32:
            self.vae.to(torch.float32)  # for all that follows, so that one overflow costs one repetition
            moments = self._moments(pixels)
        if not torch.isfinite(moments).all():
            raise UserError(
                f"The checkpoint's VAE encodes {view.image} to NaN or infinity: replace the image, or choose another "
                "checkpoint."
            )
        return moments

    def _moments(self, pixels: Tensor) -> Tensor:
        # One at a time: the numbers must not depend on which images share a batch.
        with torch.autocast(self.vae.device.type, enabled=False):  # which would encode in fp16
            distribution = self.vae.encode(pixels[None].to(self.vae.device, self.vae.dtype)).latent_dist
        return torch.cat([distribution.mean, distribution.std]).float().cpu()


class MomentsCache:
    """The moments of all views, in memory, so that the VAE is not needed any more.

    A mirrored image has its own entry: an encoder does not turn mirrored pixels into exactly mirrored latents.
    """

    def __init__(
        self,
        encoder: Moments,
        views: Iterable[View],
        progress: Callable[[int, int], None] | None = None,
        each: Callable[[Moments, Sequence[View]], Iterator[Tensor]] = map,
    ) -> None:
        """Encodes every distinct view; progress: called with (views done, views in all) after each.

        each: what the encoder makes of all views in order, perhaps in several processes.
        """
        distinct = list(dict.fromkeys(views))
        self._moments: dict[View, Tensor] = {}
        for done, (view, moments) in enumerate(zip(distinct, each(encoder, distinct), strict=True), start=1):
            self._moments[view] = moments
            if progress:
                progress(done, len(distinct))

    def __call__(self, view: View) -> Tensor:
        """Moments as in `Moments`. Raises KeyError for a view that was not given."""
        return self._moments[view]


def draw_latents(moments: Tensor, scale_factor: float, generator: torch.Generator) -> Tensor:
    """A sample of an image's distribution, (4, height/8, width/8), float32, on the generator's device.

    scale_factor: the checkpoint's s in z = s·E(x).
    """
    mean, std = moments.to(generator.device)
    noise = torch.randn(mean.shape, generator=generator, device=generator.device)
    return (mean + std * noise) * scale_factor
