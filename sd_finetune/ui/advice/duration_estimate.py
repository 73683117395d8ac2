"""How long training will take, from the speed of an earlier run."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from ...errors import UserError
from ...runs.folder import RunFolder
from ...runs.messages import Step, read_events
from ...settings.options import Settings

LOOKED_AT = 12
"""Runs, the latest first."""
TAIL_BYTES = 32 * 1024


def seconds_for(settings: Settings, steps: int, projects: Path) -> float | None:
    """Seconds of `steps` alone, at the speed of the latest run of the same kind in the folder `projects`, or None.

    A run of the same kind has in common what a step's time depends on most: method, checkpoint, sizes, precision,
    optimizer, how attention and gradients are computed, what is encoded in each step, and what the untrained model is
    asked.
    """
    ended = sorted(((_changed(path), path) for path in projects.glob("*/runs/*/events.jsonl")), reverse=True)
    for _, events in ended[:LOOKED_AT]:
        run = RunFolder(events.parent)
        speed = _speed(events)
        if speed > 0 and _is_alike(run, settings):
            return steps * images_per_step(settings) / speed
    return None


def images_per_step(settings: Settings) -> int:
    """Training images of a step, and as many class images with prior preservation."""
    train = settings.train
    return train.rows * train.gradient_accumulation_steps * (2 if settings.prior_weight() > 0 else 1)


def _is_alike(run: RunFolder, settings: Settings) -> bool:
    try:
        return _kind(run.read_settings()) == _kind(settings)
    except UserError:  # of another version, which tells nothing of this one
        return False


def _kind(settings: Settings) -> tuple[Any, ...]:
    train = settings.train
    how = (train.device, train.mixed_precision, train.tf32, train.gradient_checkpointing, train.train_text_encoder)
    speed = (train.capture, train.compile, train.attention)
    update = (settings.optimizer.name, train.weights, train.fused_backward, settings.keeps_8_bits())
    images = (settings.data.resolutions(), settings.data.buckets, settings.data.latents_are_cached())
    prompts = (settings.text_encoders_work(), settings.captions.tokens)
    untrained = (_prior_of_model(settings), settings.holds_outside(), settings.masks.source)
    return (settings.method, settings.base.checkpoint, *how, *speed, *update, *images, *prompts, *untrained)


def _prior_of_model(settings: Settings) -> bool:
    return settings.prior_weight() > 0 and settings.prior.is_predicted


def _speed(events: Path) -> float:
    """Images a second of the last steps, 0 where there are none: a single one may follow a sleep of the machine."""
    try:
        start = max(0, events.stat().st_size - TAIL_BYTES)
        found, _ = read_events(events, start)
    except OSError:
        return 0
    speeds = [event.images_per_second for event in found if isinstance(event, Step)]
    return median(speeds[len(speeds) // 2 :]) if speeds else 0


def _changed(file: Path) -> float:
    """When a file was changed last, 0 where it may not be looked at."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
