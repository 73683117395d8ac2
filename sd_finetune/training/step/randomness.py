"""Random numbers that depend on seed, stream and index only.

The numbers for example 17 are the same however the examples fall into batches and wherever a run was resumed, and a
stream (noise, timesteps, flips, ...) never affects another. torch's random layers (dropout, rrelu) are seeded per step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def derived_seed(seed: int, stream: str, index: int) -> int:
    """A 63-bit seed for one example of one stream."""
    digest = hashlib.blake2b(f"{seed}/{stream}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_dropout(seed: int, step: int, process: int = 0) -> None:
    """Seed torch's own streams for one step, from which its random layers draw: others in each process of a run.

    As torch.manual_seed, which without a GPU notes its whole call stack in case that there is one later.
    """
    number = derived_seed(seed, f"dropout {process}" if process else "dropout", step)
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)
    elif torch.backends.mps.is_available():
        torch.mps.manual_seed(number)


def generator_for(seed: int, stream: str, index: int) -> torch.Generator:
    """A generator on the CPU for one example of one stream."""
    return torch.Generator().manual_seed(derived_seed(seed, stream, index))


def normal_noise(seed: int, stream: str, indices: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise on the CPU, (indices, *shape), float32."""
    return torch.stack([torch.randn(shape, generator=generator_for(seed, stream, i)) for i in indices])


def pyramid_layers(seed: int, stream: str, index: int, shape: tuple[int, ...], iterations: int) -> list[Tensor]:
    """Standard normal layers on the CPU for one example, each up to 4 times as coarse for its number, as 1 : r^k.

    They end with the first that is 1 wide or high. shape: (channels, height, width) of the example.
    """
    generator = generator_for(seed, stream, index)
    layers: list[Tensor] = []
    for k in range(iterations):
        factor = (2 + 2 * torch.rand((), generator=generator).item()) ** k
        sides = [max(1, int(side / factor)) for side in shape[1:]]
        layers.append(torch.randn((shape[0], *sides), generator=generator))
        if min(sides) == 1:
            break
    return layers


def uniform_timesteps(seed: int, stream: str, indices: Sequence[int], smallest: int, largest: int) -> Tensor:
    """t ~ U{smallest ... largest} on the CPU, (indices,), int64."""
    draws = [torch.randint(smallest, largest + 1, (1,), generator=generator_for(seed, stream, i)) for i in indices]
    return torch.cat(draws)


def low_noise_timesteps(seed: int, stream: str, indices: Sequence[int], smallest: int, largest: int) -> Tensor:
    """Timesteps from `smallest` to `largest` on the CPU, (indices,), int64, the likelier the less noise.

    In proportion to 1 - x at the share x of the way, as T-LoRA has the rank r(t) of its layers fall (arXiv 2507.05964).
    The distribution function is 1 - (1 - x)^2, so that x = 1 - sqrt(u) of a uniform u.
    """
    count = largest - smallest + 1
    draws = [torch.rand((1,), generator=generator_for(seed, stream, i)) for i in indices]
    shares = 1 - torch.cat(draws).double().sqrt()
    return smallest + (shares * count).long().clamp(max=count - 1)


def logit_normal_timesteps(
    seed: int, stream: str, indices: Sequence[int], smallest: int, largest: int, mean: float, std: float
) -> Tensor:
    """Timesteps from `smallest` to `largest` on the CPU, (indices,), int64, at the share sigmoid(u) of the way.

    u ~ N(mean, std^2) (arXiv 2403.03206, equation 19).
    """
    count = largest - smallest + 1
    shares = (mean + std * normal_noise(seed, stream, indices, ())).double().sigmoid()
    return smallest + (shares * count).long().clamp(max=count - 1)
