"""Scores of a training on the toy, computed without human judgment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from ..families.family import DiffusionModel
from ..sampling.generate import GenerationSettings, generate_images
from . import world
from .reader import Reading, read_image
from .subjects import Subject

SCORED_GENERATION = GenerationSettings(world.IMAGE_SIZE, world.IMAGE_SIZE, steps=12, guidance_scale=3.0, sampler="ddim")
IMAGES_PER_BATCH = 25


@dataclass(frozen=True)
class Score:
    """All shares, 0 ... 1.

    fidelity: images of the subject's prompt that show it. editability: images of it on another background that
    show both. membership: images of these two prompts that show the shape of its class. class_drift: how far the
    class prompt's images moved from the base's: the total variation distance of their attributes (shape, color, size,
    background; the star of two colors counts as a color of its own), mean of the four. leaked: images of the class
    prompt that show the subject. tinted: those that have taken on its colors, wholly or in part: for the star, whose
    halves differ in color, be it only a little. The base has next to none, so that chance is no part of it.
    """

    fidelity: float
    editability: float
    membership: float
    class_drift: float
    leaked: float
    tinted: float


class Drawn(NamedTuple):
    """Images of the subject's prompt, of it on another background, and of the class prompt, as many of each."""

    shown: list[Image.Image]
    moved: list[Image.Image]
    classes: list[Image.Image]


def generate_many(model: DiffusionModel, prompt: str, count: int, seed: int) -> list[Image.Image]:
    """`count` images of one prompt with seeds from `seed` on."""
    images: list[Image.Image] = []
    for start in range(0, count, IMAGES_PER_BATCH):
        seeds = range(seed + start, seed + min(start + IMAGES_PER_BATCH, count))
        images += generate_images(model, [prompt] * len(seeds), seeds, SCORED_GENERATION)
    return images


def read_prompt(model: DiffusionModel, prompt: str, count: int, seed: int) -> list[Reading]:
    """The readings of `count` images of a prompt."""
    return [read_image(p) for p in generate_many(model, prompt, count, seed)]


def draw(model: DiffusionModel, subject: Subject, count: int, seed: int) -> Drawn:
    """Generate `count` images for each of the three prompts."""
    prompts = (subject.prompt, subject.edit_prompt, subject.class_prompt)
    return Drawn(*(generate_many(model, prompt, count, seed) for prompt in prompts))


def score(model: DiffusionModel, subject: Subject, base_class: Sequence[Reading], count: int, seed: int) -> Score:
    """Generate `count` images for each of the three prompts and score them.

    base_class: `read_prompt` of the base checkpoint for the class prompt, with the same count and seed.
    """
    return score_of(draw(model, subject, count, seed), subject, base_class)


def score_of(drawn: Drawn, subject: Subject, base_class: Sequence[Reading]) -> Score:
    """The score of images that are there. base_class: as in `score`."""
    shown, moved, classes = ([read_image(image) for image in images] for images in drawn)
    count = len(shown)
    return Score(
        fidelity=sum(map(subject.is_shown, shown)) / count,
        editability=sum(map(subject.is_moved, moved)) / count,
        membership=sum(r.shape == subject.shape for r in (*shown, *moved)) / (2 * count),
        class_drift=class_drift(base_class, classes),
        leaked=sum(map(subject.is_shown, classes)) / count,
        tinted=sum(map(subject.is_tinted, classes)) / count,
    )


def class_drift(before: Sequence[Reading], after: Sequence[Reading]) -> float:
    """Mean over the attributes of the total variation distance between the readings before and after."""
    distances = [_total_variation([v(r) for r in before], [v(r) for r in after]) for v in _ATTRIBUTES]
    return sum(distances) / len(distances)


_ATTRIBUTES = (
    lambda r: r.shape,
    lambda r: "subject" if r.is_subject else r.color,
    lambda r: r.size,
    lambda r: r.background,
)


def _total_variation(before: Sequence[str], after: Sequence[str]) -> float:
    first, second = Counter(before), Counter(after)
    return sum(abs(first[v] / len(before) - second[v] / len(after)) for v in first | second) / 2
