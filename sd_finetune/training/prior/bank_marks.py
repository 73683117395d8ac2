"""What tells the predictions of a bank from those for other images, prompts, settings or weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.latents_on_disk import content_of
from ...readable import json_bytes
from ...reading.diffusers_folder import vae_files
from ...runs.fingerprint import fingerprint
from ...settings.options import Settings
from ...settings.prompt_reading import trained_reading
from ..step.batches import Batches, Role, drawn_prompt

MARKS = 4
"""Values behind the predictions of a bank, which are whole numbers below 2^16."""
OF_TRAIN = ("seed", "noise_offset", "mixed_precision", "weights")
WITHOUT_EFFECT = ("cache_latents", "cache_folder")
"""Of the options of [data]."""


def marks_of(settings: Settings, architecture: Any, batches: Batches, role: Role, count: int) -> NDArray[np.float32]:
    """What ends a bank of `count` predictions: a hash of all that they are computed from, but for rounding.

    architecture: of the model. Raises UserError: an image cannot be read.
    """
    content_once = cache(_content)
    uses = [_use(settings, batches, role, number, content_once) for number in range(count)]
    digest = hashlib.blake2b(json_bytes([_of_run(settings, architecture), uses]), digest_size=2 * MARKS).digest()
    return np.frombuffer(digest, dtype=np.uint16).astype(np.float32)


def _use(
    settings: Settings, batches: Batches, role: Role, number: int, content: Callable[[Path], str]
) -> tuple[Any, ...]:
    """Image, part and prompt of a number. What else changes at each use follows from the number and the settings."""
    if role == "instance":
        source, chosen = batches.instances, batches.instance_example(number)
        prompt = drawn_prompt(source.examples[chosen], settings.train.seed, role, number)
    else:
        assert batches.classes is not None
        source, chosen = batches.classes, batches.class_example(number)
        prompt = source.examples[chosen].untrained_prompt
    crop = source.crops[chosen]
    return content(source.examples[chosen].image), source.image_sizes[chosen], crop.box, crop.size, prompt


def _content(image: Path) -> str:
    return content_of(image)[1]


def _of_run(settings: Settings, architecture: Any) -> dict[str, Any]:
    base, data = settings.base, asdict(settings.data)
    return {
        "base": fingerprint(Path(base.checkpoint)),
        "architecture": repr(architecture),
        "vae": [fingerprint(file) for file in vae_files(Path(base.vae))] if base.vae else None,
        "train": [getattr(settings.train, name) for name in OF_TRAIN],
        "reading": asdict(trained_reading(settings)),
        "noise": asdict(settings.noise),
        "timesteps": asdict(settings.timesteps),
        "data": {name: value for name, value in data.items() if name not in WITHOUT_EFFECT},
    }
