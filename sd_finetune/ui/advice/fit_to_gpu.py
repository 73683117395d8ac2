"""Fits training to the VRAM of a GPU: the fastest settings that fit, with as many images in a step as before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...settings.methods import METHODS
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings
from ...settings.read import from_dict
from ..plain_settings import with_values
from .gpu import Gpu
from .vram_estimate import needed_bytes

USABLE = 0.94
"""Share of the VRAM: the rest is for the desktop and other programs."""
LARGE_STATE = 4
"""Bytes of an optimizer's state for each parameter above which Adafactor is tried in its place."""
SMALLER_RESOLUTIONS = (448, 384, 320, 256)


@dataclass(frozen=True)
class Fit:
    """changes: values by the setting's full name, empty if none is to be changed. sentence: for the person."""

    changes: dict[str, Any]
    sentence: str


def fit(settings: dict[str, Any], gpu: Gpu | None) -> Fit:
    """What to change in valid settings for the GPU; batch size times gradient accumulation stays the same."""
    if gpu is None:
        return Fit({}, "PyTorch finds no GPU, so there is no VRAM to fit to: training runs on the CPU.")
    asked = from_dict(settings)
    if asked.train.device == "cpu":
        return Fit({}, 'train.device = "cpu" does not use the GPU: set it to "auto" to fit to the GPU.')
    usable = gpu.memory * USABLE
    for changes in _ways(asked, gpu):
        needed = needed_bytes(_settings_with(settings, changes))
        if needed <= usable:
            return Fit(_differences(settings, changes), _fits(gpu, needed, changes))
    least = min(_ways(asked, gpu), key=lambda changes: needed_bytes(_settings_with(settings, changes)))
    return Fit({}, _too_small(settings, gpu, least))


def _ways(asked: Settings, gpu: Gpu) -> Iterator[dict[str, Any]]:
    """Ways to train, the best first: a larger batch is worth more than doing without gradient checkpointing."""
    in_a_step = asked.train.batch_size * asked.train.gradient_accumulation_steps
    batches = [size for size in range(in_a_step, 0, -1) if in_a_step % size == 0]
    encoders = [True, False] if asked.train.train_text_encoder else [False]
    ways = itertools.product(encoders, _savings(asked, gpu), batches, (False, True))
    for encoder, saving, batch, checkpointing in ways:
        if saving["train.fused_backward"] and batch < in_a_step:
            continue  # gradients that are freed cannot be accumulated
        yield {
            "train.mixed_precision": "bf16" if gpu.bf16 else "fp16",
            "train.train_text_encoder": encoder,
            "train.batch_size": batch,
            "train.gradient_accumulation_steps": in_a_step // batch,
            "train.gradient_checkpointing": checkpointing,
            "data.cache_latents": True,
            **saving,
        }


def _savings(asked: Settings, gpu: Gpu) -> list[dict[str, Any]]:
    """Ways to hold weights, gradients and optimizer's state: as asked first, then in less and less VRAM.

    Without bf16 a GPU trains in fp16, which needs all gradients at once for its loss scale.
    """
    train, optimizer = asked.train, OPTIMIZERS[asked.optimizer.name]
    as_asked = {
        "train.weights": train.weights if gpu.bf16 else "fp32",
        "train.fused_backward": train.fused_backward and gpu.bf16,
    }
    unfused = {**as_asked, "train.fused_backward": False}
    if not METHODS[asked.method].changes_weights:
        return [as_asked, unfused]
    replaced = optimizer.state_bytes > LARGE_STATE and optimizer.learning_rate == "absolute"
    factored = {**unfused, **({"optimizer.name": "adafactor"} if replaced else {})}
    if not gpu.bf16:
        return [as_asked, unfused, factored]
    bf16 = {**factored, "train.weights": "bf16"}
    if not (replaced or optimizer.steps_alone):
        return [as_asked, unfused, factored, bf16]
    clipping = {"train.clip_by": "parameter_norm"} if train.max_grad_norm else {}
    return [as_asked, unfused, factored, bf16, {**bf16, "train.fused_backward": True, **clipping}]


def _settings_with(settings: dict[str, Any], changes: dict[str, Any]) -> Settings:
    return from_dict(with_values(settings, changes))


def _differences(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that change something."""
    before = from_dict(settings)
    return {name: value for name, value in changes.items() if _value(before, name) != value}


def _value(settings: Settings, name: str) -> Any:
    group, _, option = name.partition(".")
    return getattr(getattr(settings, group), option)


def _fits(gpu: Gpu, needed: float, changes: dict[str, Any]) -> str:
    how = [
        f"batch size {changes['train.batch_size']}",
        changes["train.mixed_precision"],
        f"gradient checkpointing {'on' if changes['train.gradient_checkpointing'] else 'off'}",
        *(["Adafactor"] if "optimizer.name" in changes else []),
        *(["weights in bf16"] if changes["train.weights"] == "bf16" else []),
        *(["optimizer in the backward pass"] if changes["train.fused_backward"] else []),
    ]
    return f"Needs about {_gb(needed)} of VRAM, and {gpu.name} has {_gb(gpu.memory)}: {', '.join(how)}."


def _too_small(settings: dict[str, Any], gpu: Gpu, least: dict[str, Any]) -> str:
    """least: the way that needs the least."""
    asked = from_dict(settings)
    needed = _gb(needed_bytes(_settings_with(settings, least)))
    what = f"Method {asked.method} at {asked.data.resolution} × {asked.data.resolution} pixels"
    problem = f"{what} needs at least about {needed} of VRAM, and {gpu.name} has {_gb(gpu.memory)}"
    other = "train a LoRA instead" if asked.method == "dreambooth" else "use a GPU with more VRAM"
    for side in SMALLER_RESOLUTIONS:
        smaller = _settings_with(settings, {**least, "data.resolution": side})
        if side < asked.data.resolution and needed_bytes(smaller) <= gpu.memory * USABLE:
            return f"{problem}: set data.resolution to {side} and fit again, or {other}."
    return f"{problem}: {other}."


def _gb(count: float) -> str:
    """As the makers of GPUs count: 1 GB of VRAM is 2^30 bytes."""
    return f"{count / 2**30:.1f} GB"
