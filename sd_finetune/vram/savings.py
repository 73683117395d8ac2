"""What saves the most VRAM in a phase of a run, and how much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..families.facts import MemoryFacts
from ..settings.methods import METHODS
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from .changes import Changes, are_valid, differences, optimizer_changes, with_changes
from .estimate import GIB, SD15, estimate

LEAST = 0.02
"""Of what the phase takes; less is not worth telling."""
SMALLER_RESOLUTIONS = (896, 768, 640, 512, 448, 384, 320, 256)


@dataclass(frozen=True)
class Saving:
    """Settings to change together, and the bytes that are needed less in the phase."""

    changes: dict[str, Any]
    saved: float

    @property
    def words(self) -> str:
        """As in "train.gradient_checkpointing = true saves about 0.9 GB"."""
        return f"{in_words(self.changes)} saves about {gigabytes(self.saved)}"


def savings(settings: Settings, phase: str, bf16: bool = True, model: MemoryFacts = SD15) -> list[Saving]:
    """What can be done about a phase of `estimate`, what helps most first."""
    before, found = estimate(settings, model).phases.get(phase, 0), list[Saving]()
    for changes in _candidates(settings, phase, bf16):
        changed = with_changes(settings, changes)
        saved = before - estimate(changed, model).phases.get(phase, 0)
        if saved >= LEAST * before and are_valid(changed):
            found.append(Saving(differences(settings, changes), saved))
    return sorted(found, key=lambda saving: -saving.saved)


def what_helps(settings: Settings, phase: str, bf16: bool = True, most: int = 3, model: MemoryFacts = SD15) -> str:
    """The best savings in words, or what is left where there is none."""
    best = savings(settings, phase, bf16, model)[:most]
    if best:
        first, *others = [saving.words for saving in best]
        return ", ".join([first, *(other.replace(" saves about", " about") for other in others)])
    return "train a LoRA instead" if METHODS[settings.method].changes_weights else "use a GPU with more VRAM"


def in_words(changes: Changes) -> str:
    """As in "train.weights = "bf16" and data.resolution = 448"."""
    *others, last = [f"{name} = {json.dumps(value)}" for name, value in changes.items()]
    return f"{', '.join(others)} and {last}" if others else last


def gigabytes(count: float) -> str:
    """As the makers of GPUs count."""
    return f"{count / GIB:.1f} GB" if count >= 0.05 * GIB else f"{count / 2**20:.0f} MB"


def _candidates(settings: Settings, phase: str, bf16: bool) -> Iterator[dict[str, Any]]:
    train, half = settings.train, "bf16" if bf16 else "fp16"
    if phase == "class images":
        yield {"class_images.batch_size": 1}
    if phase == "samples":
        side = next((s for s in SMALLER_RESOLUTIONS if s < max(settings.samples.width or 0, _side(settings))), 256)
        yield {"samples.width": side, "samples.height": side}
    if train.attention == "sliced":
        yield {"train.attention": "auto"}
    if train.mixed_precision == "no":
        yield {"train.mixed_precision": half}
    for name, value in (
        ("train.gradient_checkpointing", True),
        ("data.cache_latents", "ram"),
        ("train.train_text_encoder", False),
    ):
        yield {name: value}
    if train.batch_size > 1:
        in_a_step = train.batch_size * train.gradient_accumulation_steps
        yield {"train.batch_size": 1, "train.gradient_accumulation_steps": in_a_step}
        yield {"train.batch_size": 1}
    if METHODS[settings.method].changes_weights:
        yield from _of_weights(settings, bf16)
    else:
        yield {"train.frozen_weights": "int8"}
    smaller = next((side for side in SMALLER_RESOLUTIONS if side < settings.data.side), None)
    if smaller:
        yield {"data.resolution": smaller}


def _of_weights(settings: Settings, bf16: bool) -> Iterator[dict[str, Any]]:
    """Where all weights are trained: smaller states, weights and gradients."""
    if OPTIMIZERS[settings.optimizer.name].learning_rate == "absolute":
        yield optimizer_changes(settings, "adafactor")
    if bf16:
        yield {"train.weights": "bf16", "train.mixed_precision": "bf16"}
    clipped = settings.train.max_grad_norm > 0
    yield {"train.fused_backward": True, **({"train.clip_by": "parameter_norm"} if clipped else {})}


def _side(settings: Settings) -> int:
    return settings.samples.height or settings.data.side
