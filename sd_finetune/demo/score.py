"""What a training on the toy subject achieved, in numbers that nobody has to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ..families.family import DiffusionModel
from ..sampling.draw import Drawing, draw_pictures
from . import world
from .reader import Reading, read_picture
from .subjects import Subject

SCORED_DRAWING = Drawing(world.PICTURE_SIZE, world.PICTURE_SIZE, steps=12, guidance_scale=3.0, sampler="ddim")
DRAWN_TOGETHER = 25


@dataclass(frozen=True)
class Score:
    """All shares, 0 ... 1.

    fidelity: pictures of the subject's prompt that show it. editability: pictures of it on another background that
    show both. membership: pictures of these two prompts that show the shape of its class. class_drift: how far the
    class prompt's pictures moved from the base's, the total variation distance of what is read of them (shape, colour,
    size, background; the star of two colours counts as a colour of its own), mean of the four. leaked: class pictures
    that show the subject.
    """

    fidelity: float
    editability: float
    membership: float
    class_drift: float
    leaked: float


def draw_many(
    model: DiffusionModel, prompt: str, count: int, seed: int, drawing: Drawing = SCORED_DRAWING
) -> list[Image.Image]:
    """`count` pictures of one prompt with seeds from `seed` on."""
    pictures: list[Image.Image] = []
    for start in range(0, count, DRAWN_TOGETHER):
        seeds = range(seed + start, seed + min(start + DRAWN_TOGETHER, count))
        pictures += draw_pictures(model, [prompt] * len(seeds), seeds, drawing)
    return pictures


def read_prompt(model: DiffusionModel, prompt: str, count: int, seed: int) -> list[Reading]:
    """What `count` pictures of a prompt show."""
    return [read_picture(p) for p in draw_many(model, prompt, count, seed)]


def score(model: DiffusionModel, subject: Subject, base_class: Sequence[Reading], count: int, seed: int) -> Score:
    """Draw `count` pictures for each of the three prompts and read them.

    base_class: what the base drew for the class prompt, `read_prompt` with the same count and seed.
    """
    shown = read_prompt(model, subject.prompt, count, seed)
    moved = read_prompt(model, subject.edit_prompt, count, seed)
    classes = read_prompt(model, subject.class_prompt, count, seed)
    return Score(
        fidelity=sum(map(subject.is_shown, shown)) / count,
        editability=sum(map(subject.is_moved, moved)) / count,
        membership=sum(r.shape == subject.shape for r in (*shown, *moved)) / (2 * count),
        class_drift=class_drift(base_class, classes),
        leaked=sum(map(subject.is_shown, classes)) / count,
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
