"""The way to train on a GPU of some size: the first row of the presets that fits, with as many images in a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..families.facts import MemoryFacts
from ..families.presets import CHECKPOINTED, Preset
from ..settings.methods import METHODS
from ..settings.optimizers import OPTIMIZERS
from ..settings.options import Settings
from .changes import are_valid, differences, optimizer_changes, value_of, with_changes
from .estimate import GIB, SD15, needed_bytes
from .presets import SIZES, USABLE

SAMPLE_SIDES = ("samples.width", "samples.height")


@dataclass(frozen=True)
class Way:
    """A way to train. changes: all that it sets, by full name. needed: bytes of VRAM."""

    preset: Preset
    changes: dict[str, Any]
    settings: Settings
    needed: float


def fitting_way(settings: Settings, memory: float, bf16: bool, model: MemoryFacts = SD15) -> Way | None:
    """The fastest way that fits into `memory` bytes of VRAM, None where there is none.

    Text encoders are given up last; gradient checkpointing is turned on before a batch is split.
    """
    found = (way for way in ways(settings, memory / GIB, bf16, model) if way.needed <= memory * USABLE)
    return next(found, None)


def least_way(settings: Settings, bf16: bool, model: MemoryFacts = SD15) -> Way | None:
    """The way that needs the least VRAM."""
    return min(ways(settings, SIZES[-1], bf16, model), key=lambda way: way.needed, default=None)


def ways(settings: Settings, gigabytes: float, bf16: bool, model: MemoryFacts = SD15) -> Iterator[Way]:
    """Ways to train with the rows for GPUs of that size and of smaller ones, the best first."""
    rows = model.presets.of(settings.method, bf16)
    size = max([size for size in SIZES if size <= gigabytes * 1.05], default=SIZES[0])  # a "24 GB" GPU has 23.6
    own = next(place for place, row in enumerate(rows) if size in row.sizes)
    fit_for = [row for row in rows[own:] if row.peak]
    for encoder in [True, False] if settings.train.train_text_encoder else [False]:
        for row in fit_for:
            for batch in _batch_sizes(settings):
                for checkpointing in sorted({False, True} - ({False} if row.checkpoints else set())):
                    changes = preset_changes(settings, row, batch)
                    if changes is None:
                        continue
                    if METHODS[settings.method].text_encoder_learning_rate is not None:
                        changes["train.train_text_encoder"] = encoder
                    changes |= CHECKPOINTED if checkpointing else {}
                    changed = with_changes(settings, changes)
                    if are_valid(changed):
                        yield Way(row, changes, changed, needed_bytes(changed, model))


def preset_changes(settings: Settings, row: Preset, batch: int | None = None) -> dict[str, Any] | None:
    """What a row sets in these settings, None where it does not go with their optimizer.

    An optimizer that is as small as the row's stays. batch: images in one forward pass, of those in a step; by default
    as it is, or all of them where the row frees gradients, so that they cannot be accumulated.
    """
    train, mine = settings.train, OPTIMIZERS[settings.optimizer.name]
    in_a_step = train.batch_size * train.gradient_accumulation_steps
    changes = {name: value for name, value in row.settings.items() if not _stays(settings, name, value)}
    if changes["train.fused_backward"]:
        batch = in_a_step
        if not train.max_grad_norm:
            del changes["train.clip_by"]
    name = changes.get("optimizer.name", settings.optimizer.name)
    own = OPTIMIZERS[name]
    if mine.state_bytes <= own.state_bytes and (mine.steps_alone or not changes["train.fused_backward"]):
        changes.pop("optimizer.name", None)
    elif mine.learning_rate != "absolute":
        return None  # its learning rates mean nothing to another one
    else:
        changes |= optimizer_changes(settings, name)
    if batch is not None:
        changes |= {"train.batch_size": batch, "train.gradient_accumulation_steps": in_a_step // batch}
    return changes


def _stays(settings: Settings, name: str, value: Any) -> bool:
    """Whether a row leaves the option: it would make samples larger, or latents are cached already or cannot be."""
    if name == "data.cache_latents":
        return settings.data.latents_are_cached() or bool(settings.data.changes_at_each_use())
    return name in SAMPLE_SIDES and (value_of(settings, name) or settings.data.side) <= value


def changes_of(settings: Settings, way: Way) -> dict[str, Any]:
    """What a way changes."""
    return differences(settings, way.changes)


def _batch_sizes(settings: Settings) -> list[int]:
    in_a_step = settings.train.batch_size * settings.train.gradient_accumulation_steps
    return [size for size in range(in_a_step, 0, -1) if in_a_step % size == 0]
