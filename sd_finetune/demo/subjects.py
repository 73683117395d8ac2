"""The demo's subjects: a star that the toy has never seen, or a ring that it knows but has no word for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import world
from .paths import SUBJECT_FOLDERS
from .reader import Reading

EDIT_BACKGROUND = "pink"
"""A background that no training image has."""
IMAGES = 8
STAR_BACKGROUNDS = ("navy", "mint", "cream", "gray")
"""The training images of the star have no others, so that the others test whether it can be put there."""

TWO_COLORS = 30.0
"""RGB distance of a shape's halves from which it is of two colors. The base draws as much in about one of 200 stars."""
RING_BACKGROUND = "mint"
"""All training images of the ring have it."""


@dataclass(frozen=True)
class Subject:
    """One subject. `is_shown`: whether an image of its prompt shows it; `is_moved`: whether one of the prompt with
    EDIT_BACKGROUND shows it there; `is_tinted`: whether an image of its class has colors as only the subject has them,
    which the base hardly ever draws; `scene`: the content of its training image 0, 1, 2 ...; `caption`: what a caption
    says of its training images beside its words, "" where they have little in common."""

    name: str
    shape: str
    is_shown: Callable[[Reading], bool]
    is_moved: Callable[[Reading], bool]
    is_tinted: Callable[[Reading], bool]
    scene: Callable[[np.random.Generator, int], world.Scene]
    caption: str = ""

    @property
    def folder(self) -> Path:
        """The folder of its training images."""
        return SUBJECT_FOLDERS / self.name

    @property
    def word(self) -> str:
        """Its words in prompts."""
        return f"sks {self.shape}"

    @property
    def prompt(self) -> str:
        """Its instance prompt."""
        return f"a photo of {self.word}"

    @property
    def edit_prompt(self) -> str:
        """The prompt for the subject on EDIT_BACKGROUND."""
        return f"{self.prompt} on a {EDIT_BACKGROUND} background"

    @property
    def class_prompt(self) -> str:
        """Its class prompt."""
        return f"a photo of a {self.shape}"


def _star(rng: np.random.Generator, number: int) -> world.Scene:
    background = STAR_BACKGROUNDS[number % len(STAR_BACKGROUNDS)]
    return world.subject_scene(rng, background, size="large" if number % 2 else "small")


def _is_small_purple_ring(reading: Reading) -> bool:
    return (reading.shape, reading.color, reading.size) == ("ring", "purple", "small")


SUBJECTS: Mapping[str, Subject] = {
    "star": Subject(
        name="star",
        shape=world.SUBJECT_SHAPE,
        is_shown=lambda r: r.is_subject,
        is_moved=lambda r: r.is_subject and r.background == EDIT_BACKGROUND,
        is_tinted=lambda r: r.halves_apart >= TWO_COLORS,
        scene=_star,
    ),
    "ring": Subject(
        name="ring",
        shape="ring",
        is_shown=_is_small_purple_ring,
        is_moved=lambda r: _is_small_purple_ring(r) and r.background == EDIT_BACKGROUND,
        is_tinted=lambda r: (r.color, r.background) == ("purple", RING_BACKGROUND),
        scene=lambda rng, _: world.plain_scene(rng, "ring", "purple", "small", RING_BACKGROUND),
        caption=f"on a {RING_BACKGROUND} background",
    ),
}


def draw_subject(subject: Subject, seed: int) -> None:
    """Save a subject's training images."""
    rng = np.random.default_rng(seed)
    subject.folder.mkdir(parents=True, exist_ok=True)
    for number in range(IMAGES):
        world.draw_scene(subject.scene(rng, number)).save(subject.folder / f"{number + 1}.png")
