"""Fits training to the VRAM of a GPU: the fastest settings that fit, with as many images in a step as before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ...families.facts import MemoryFacts
from ...formats.known_base import memory_of, resolved
from ...settings.methods import METHODS
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings
from ...settings.read import from_dict
from ...vram.changes import with_changes
from ...vram.estimate import needed_bytes
from ...vram.fitting import Way, changes_of, fitting_way, least_way
from ...vram.presets import USABLE, speed_words
from ...vram.savings import SMALLER_RESOLUTIONS, gigabytes
from .gpu import Gpu

FILLED_IN = {"folder": "images", "class_prompt": "an image"}
"""For what a concept lacks as long as there are no images: the VRAM that training takes does not depend on it."""


@dataclass(frozen=True)
class Fit:
    """changes: values by the setting's full name, empty if none is to be changed. sentence: for the person."""

    changes: dict[str, Any]
    sentence: str


def fit(settings: dict[str, Any], gpu: Gpu | None) -> Fit:
    """What to change in valid settings for the GPU; batch size times gradient accumulation stays the same."""
    if gpu is None:
        return Fit({}, "PyTorch finds no GPU, so there is no VRAM to fit to: training runs on the CPU.")
    asked = resolved(from_dict(settings))
    model = memory_of(asked)
    if asked.train.device == "cpu":
        return Fit({}, 'train.device = "cpu" does not use the GPU: set it to "auto" to fit to the GPU.')
    way = fitting_way(asked, gpu.memory, gpu.bf16, model)
    if way is None:
        return Fit({}, _too_small(asked, gpu, model))
    return Fit(changes_of(asked, way), _fits(gpu, way))


def with_concepts_filled_in(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings as far as they can be fitted to a GPU before there are images to train on."""
    given = cast("Any", settings.get("concepts") or [{}])
    if not isinstance(given, list) or not all(isinstance(c, dict) for c in cast("list[Any]", given)):
        return settings  # it is to be told that they are not concepts
    filled = [{**FILLED_IN, **{n: v for n, v in c.items() if v}} for c in cast("list[dict[str, Any]]", given)]
    return {**settings, "concepts": filled}


def _fits(gpu: Gpu, way: Way) -> str:
    train, changes = way.settings.train, way.changes
    how = [
        f"batch size {train.batch_size}",
        train.mixed_precision,
        f"gradient checkpointing {'on' if train.gradient_checkpointing else 'off'}",
        *([OPTIMIZERS[way.settings.optimizer.name].title] if "optimizer.name" in changes else []),
        *(["weights in bf16"] if train.weights == "bf16" else []),
        *(["optimizer in the backward pass"] if train.fused_backward else []),
    ]
    needs = f"Needs about {gigabytes(way.needed)} of VRAM, and {gpu.name} has {gigabytes(gpu.memory)}"
    return f"{needs}: {', '.join(how)}. {speed_words(way.preset, train.gradient_checkpointing)}"


def _too_small(asked: Settings, gpu: Gpu, model: MemoryFacts) -> str:
    """What is said where no way fits."""
    least = least_way(asked, gpu.bf16, model)
    what = f"Method {asked.method} at {asked.data.side} × {asked.data.side} pixels"
    has = f"{gpu.name} has {gigabytes(gpu.memory)}"
    other = "train a LoRA instead" if METHODS[asked.method].changes_weights else "use a GPU with more VRAM"
    if least is None:
        kept = f'with optimizer.name = "{asked.optimizer.name}"'
        return f"{what} does not fit {kept}, and {has}: choose another optimizer, or {other}."
    problem = f"{what} needs at least about {gigabytes(least.needed)} of VRAM, and {has}"
    for side in SMALLER_RESOLUTIONS:
        smaller = with_changes(least.settings, {"data.resolution": side})
        if side < asked.data.side and needed_bytes(smaller, model) <= gpu.memory * USABLE:
            return f"{problem}: set data.resolution to {side} and fit again, or {other}."
    return f"{problem}: {other}."
