"""What a training on the toy subject achieved, in numbers that nobody has to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ..models.parts import ModelParts
from ..models.sampling import Drawing, draw_pictures
from . import world
from .reader import Reading, read_picture

SUBJECT_PROMPT = "a photo of sks star"
CLASS_PROMPT = "a photo of a star"
EDIT_BACKGROUND = "pink"
"""A background on which the subject was never shown."""
EDIT_PROMPT = f"{SUBJECT_PROMPT} on a {EDIT_BACKGROUND} background"
SCORED_DRAWING = Drawing(world.PICTURE_SIZE, world.PICTURE_SIZE, steps=12, guidance_scale=3.0, sampler="ddim")
DRAWN_TOGETHER = 25


@dataclass(frozen=True)
class Score:
    """All shares, 0 ... 1.

    fidelity: pictures of the subject's prompt that show it. editability: pictures of it on another background that
    show both. class_drift: how far the class prompt's pictures moved from the base's, the total variation distance
    of what is read of them (shape, colour, size, background; the subject counts as a colour of its own), mean of
    the four. leaked: class pictures that show the subject.
    """

    fidelity: float
    editability: float
    class_drift: float
    leaked: float


def draw_many(
    parts: ModelParts, prompt: str, count: int, seed: int, drawing: Drawing = SCORED_DRAWING
) -> list[Image.Image]:
    """`count` pictures of one prompt with seeds from `seed` on."""
    pictures: list[Image.Image] = []
    for start in range(0, count, DRAWN_TOGETHER):
        seeds = range(seed + start, seed + min(start + DRAWN_TOGETHER, count))
        pictures += draw_pictures(parts, [prompt] * len(seeds), seeds, drawing)
    return pictures


def read_class(parts: ModelParts, count: int, seed: int) -> list[Reading]:
    """What pictures of the class prompt show; drawn with the same seeds before and after a training."""
    return [read_picture(p) for p in draw_many(parts, CLASS_PROMPT, count, seed)]


def score(parts: ModelParts, base_class: Sequence[Reading], count: int, seed: int) -> Score:
    """Draw `count` pictures for each of the three prompts and read them; base_class: `read_class` of the base."""
    subject = [read_picture(p) for p in draw_many(parts, SUBJECT_PROMPT, count, seed)]
    edited = [read_picture(p) for p in draw_many(parts, EDIT_PROMPT, count, seed)]
    classes = read_class(parts, count, seed)
    return Score(
        fidelity=sum(r.is_subject for r in subject) / count,
        editability=sum(r.is_subject and r.background == EDIT_BACKGROUND for r in edited) / count,
        class_drift=class_drift(base_class, classes),
        leaked=sum(r.is_subject for r in classes) / count,
    )


def class_drift(before: Sequence[Reading], after: Sequence[Reading]) -> float:
    """Mean over the attributes of the total variation distance between what is read before and after."""
    distances = [_total_variation([v(r) for r in before], [v(r) for r in after]) for v in _ATTRIBUTES]
    return sum(distances) / len(distances)


_ATTRIBUTES = (
    lambda r: r.shape,
    lambda r: "subject" if r.is_subject else r.colour,
    lambda r: r.size,
    lambda r: r.background,
)


def _total_variation(before: Sequence[str], after: Sequence[str]) -> float:
    first, second = Counter(before), Counter(after)
    return sum(abs(first[v] / len(before) - second[v] / len(after)) for v in first | second) / 2
