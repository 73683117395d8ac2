"""Scores a model at a step of its training, by what it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from PIL import Image

from benchmarks.quality import SCORE_SEED
from sd_finetune.demo import world
from sd_finetune.demo.reader import Reading, read_image
from sd_finetune.demo.run import load_base
from sd_finetune.demo.score import class_drift, generate_many
from sd_finetune.demo.subjects import Subject
from sd_finetune.families.family import DiffusionModel

IMAGES = 32
"""For each prompt, and for all unrelated ones together about as many."""
OTHER_SEEDS = (60_000, 70_000)
ATTRIBUTES = ("shape", "color", "size", "background", "is_subject")


@dataclass(frozen=True)
class Point:
    """Shares, 0 ... 1, as in `sd_finetune.demo.score.Score`, after a step.

    unrelated: how many of the attributes of images of other shapes' prompts are not those of the base's image of the
    same prompt and seed. diversity, class_diversity: mean distance of two images of the subject's, or the class's
    prompt, as the root of the mean squared difference of their pixels; 1 = black and white.
    editability, membership and unrelated are asked for at the end alone.
    """

    step: int
    fidelity: float
    class_drift: float
    leaked: float
    tinted: float
    diversity: float
    class_diversity: float
    editability: float | None = None
    membership: float | None = None
    unrelated: float | None = None

    def as_row(self) -> dict[str, float]:
        """As it is kept: what was not asked for is left out."""
        return {name: round(value, 4) for name, value in asdict(self).items() if value is not None}


class Judge:
    """Keeps what the base draws, which the rest is compared with."""

    def __init__(self, checkpoint: Path, subject: Subject, images: int = IMAGES) -> None:
        self.subject, self.images = subject, images
        base = load_base(checkpoint)
        self.class_readings = _read(self._draw(base, subject.class_prompt))
        self.unrelated_readings = self._unrelated(base)
        self.base = self.point(base, 0, is_last=True)
        others = [_read(generate_many(base, subject.class_prompt, images, seed)) for seed in OTHER_SEEDS]
        self.chance = mean(class_drift(self.class_readings, other) for other in others)
        """The class drift of the base itself between images of other seeds."""

    def point(self, model: DiffusionModel, step: int, is_last: bool) -> Point:
        """Draw and score."""
        subject, count = self.subject, self.images
        shown, classes = self._draw(model, subject.prompt), self._draw(model, subject.class_prompt)
        shown_readings, class_readings = _read(shown), _read(classes)
        point = Point(
            step=step,
            fidelity=sum(map(subject.is_shown, shown_readings)) / count,
            class_drift=class_drift(self.class_readings, class_readings),
            leaked=sum(map(subject.is_shown, class_readings)) / count,
            tinted=sum(map(subject.is_tinted, class_readings)) / count,
            diversity=mean_distance(shown),
            class_diversity=mean_distance(classes),
        )
        if not is_last:
            return point
        moved = _read(self._draw(model, subject.edit_prompt))
        members = sum(r.shape == subject.shape for r in (*shown_readings, *moved))
        return Point(
            **{name: value for name, value in asdict(point).items() if value is not None},
            editability=sum(map(subject.is_moved, moved)) / count,
            membership=members / (2 * count),
            unrelated=share_changed(self.unrelated_readings, self._unrelated(model)),
        )

    def _draw(self, model: DiffusionModel, prompt: str, count: int | None = None) -> list[Image.Image]:
        return generate_many(model, prompt, count or self.images, SCORE_SEED)

    def _unrelated(self, model: DiffusionModel) -> list[Reading]:
        others = [shape for shape in world.SHAPES if shape != self.subject.shape]
        count = -(-self.images // len(others))
        return [r for shape in others for r in _read(self._draw(model, f"a photo of a {shape}", count))]


def _read(images: Sequence[Image.Image]) -> list[Reading]:
    return [read_image(image) for image in images]


def share_changed(before: Sequence[Reading], after: Sequence[Reading]) -> float:
    """Of the attributes of these images in pairs; showing the subject is one."""
    pairs = zip(before, after, strict=True)
    changed = [getattr(a, name) != getattr(b, name) for a, b in pairs for name in ATTRIBUTES]
    return sum(changed) / len(changed)


def mean_distance(images: Sequence[Image.Image]) -> float:
    """Of two different ones of them."""
    pixels = torch.from_numpy(np.stack([np.asarray(image, dtype=np.float32).ravel() / 255 for image in images]))
    return float(torch.pdist(pixels).mean() / pixels.shape[1] ** 0.5)
