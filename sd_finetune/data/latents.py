"""Pictures to latents: z = s·E(x), a fresh sample of the encoder's distribution at each draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from .images import fit_picture, open_picture

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


def to_pixels(picture: NDArray[np.uint8]) -> Tensor:
    """(height, width, 3), 0 … 255 → (3, height, width), float32, -1 … 1."""
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 127.5 - 1


class Moments(Protocol):
    """Where the encoder's distribution for a picture comes from."""

    def __call__(self, picture: Path, flipped: bool) -> Tensor:
        """Mean and standard deviation before scaling: (2, 4, height/8, width/8), float32, on the CPU."""
        ...


class PictureEncoder:
    """Reads a picture and encodes it, at each call anew."""

    def __init__(self, vae: AutoencoderKL, resolution: int) -> None:
        self.vae = vae
        self.resolution = resolution

    @torch.no_grad()
    def __call__(self, picture: Path, flipped: bool) -> Tensor:
        """Moments as in `Moments`. Raises UserError for an unreadable picture and for latents that are not finite."""
        pixels = to_pixels(fit_picture(open_picture(picture), self.resolution))
        if flipped:
            pixels = pixels.flip(-1)
        # One at a time: the numbers must not depend on which pictures share a batch.
        distribution = self.vae.encode(pixels[None].to(self.vae.device, self.vae.dtype)).latent_dist
        moments = torch.cat([distribution.mean, distribution.std]).float().cpu()
        if not torch.isfinite(moments).all():
            kind = str(self.vae.dtype).removeprefix("torch.")
            raise UserError(
                f"The checkpoint's VAE turns {picture} into numbers that are not finite in {kind}; "
                f'set train.mixed_precision to "no" or "bf16", or mend the picture or the checkpoint.'
            )
        return moments


class MomentsCache:
    """The moments of all pictures in memory, so that the VAE is not needed again.

    A mirrored picture has its own entry: an encoder does not turn mirrored pixels into exactly mirrored latents.
    """

    def __init__(
        self,
        encoder: Moments,
        pictures: Iterable[Path],
        horizontal_flip: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Encodes every distinct picture; progress: called with (pictures done, pictures in all) after each."""
        distinct = list(dict.fromkeys(pictures))
        variants = (False, True) if horizontal_flip else (False,)
        self._moments: dict[tuple[Path, bool], Tensor] = {}
        for done, picture in enumerate(distinct, start=1):
            for flipped in variants:
                self._moments[picture, flipped] = encoder(picture, flipped)
            if progress:
                progress(done, len(distinct))

    def __call__(self, picture: Path, flipped: bool) -> Tensor:
        """Moments as in `Moments`. Raises KeyError for a picture that was not among those given."""
        return self._moments[picture, flipped]


class LatentSampler:
    """Draws latents for training."""

    def __init__(self, moments: Moments, scale_factor: float, horizontal_flip: bool = False) -> None:
        """scale_factor: the checkpoint's s in z = s·E(x). horizontal_flip: mirror half of the draws."""
        self.moments = moments
        self.scale_factor = scale_factor
        self.horizontal_flip = horizontal_flip

    def draw(self, pictures: Sequence[Path], generator: torch.Generator) -> Tensor:
        """Latents (batch, 4, height/8, width/8), float32, on the generator's device.

        Picture by picture, so that drawing four at once or two and two gives the same from the same generator.
        """
        return torch.stack([self._draw_one(picture, generator) for picture in pictures])

    def _draw_one(self, picture: Path, generator: torch.Generator) -> Tensor:
        device = generator.device
        flipped = self.horizontal_flip and bool(torch.rand((), generator=generator, device=device) < 0.5)
        mean, std = self.moments(picture, flipped).to(device)
        noise = torch.randn(mean.shape, generator=generator, device=device)
        return (mean + std * noise) * self.scale_factor
