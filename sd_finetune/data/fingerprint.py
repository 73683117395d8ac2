"""Images that look alike, whatever their size, format, quality and brightness: found by a perceptual hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_BITS = 10
"""By which the hashes of images that look alike differ, of 64."""
LEAST_LIKENESS = 0.9
MOST_COLOR = 40.0
"""By which their mean colors differ, of 255."""
SIDE = 16
"""Of the thumbnails in which what the hashes tell is looked at once more: those of plain drawings are much alike."""
_FAINT = 25.0
"""Variance of a contrast that does not count: noise on one color."""
_ROWS = 1024
"""Images that are compared with all others at once: 10,000 of them take 40 MB."""


@dataclass(frozen=True)
class Fingerprint:
    """hash: 64 signs, whether the gray values of an 8 x 9 thumbnail rise to the right. thumbnail: (16 * 16, 3)."""

    hash: NDArray[np.int8]
    thumbnail: NDArray[np.uint8]

    @cached_property
    def color(self) -> NDArray[np.float32]:
        """The mean color."""
        return self.thumbnail.mean(0, dtype=np.float32)

    @cached_property
    def pattern(self) -> NDArray[np.float32]:
        """The thumbnail without its mean color."""
        return self.thumbnail - self.color


def fingerprint(image: Image.Image) -> Fingerprint:
    """The fingerprint of an upright RGB image."""
    gray = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    signs = np.where(gray[:, 1:] > gray[:, :-1], 1, -1).astype(np.int8).ravel()
    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)
    return Fingerprint(signs, small.reshape(-1, 3))


def look_alike(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two images of nearly the same hash are copies of one another."""
    if np.abs(one.color - other.color).mean() > MOST_COLOR:
        return False
    both = (one.pattern * other.pattern).mean() + _FAINT
    apart = np.sqrt((one.pattern**2).mean() * (other.pattern**2).mean()) + _FAINT
    return bool(both / apart >= LEAST_LIKENESS)


def groups_of_alike(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Places of images that look alike, two or more in each group; sorted."""
    first = list(range(len(prints)))

    def root(place: int) -> int:
        while first[place] != place:
            place = first[place]
        return place

    for place, other in pairs_alike(prints, prints):
        if place < other:
            low, high = sorted((root(place), root(other)))
            first[high] = low
    groups: dict[int, list[int]] = {}
    for place in range(len(prints)):
        groups.setdefault(root(place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def pairs_alike(prints: Sequence[Fingerprint], others: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """The places of every two that look alike, one of each."""
    if not prints or not others:
        return
    known = np.stack([each.hash for each in others]).astype(np.float32).T
    for start in range(0, len(prints), _ROWS):
        hashes = np.stack([each.hash for each in prints[start : start + _ROWS]]).astype(np.float32)
        near = hashes @ known >= 64 - 2 * MOST_BITS  # equal bits less different ones
        rows, columns = np.nonzero(near)
        for row, column in zip(map(int, rows), map(int, columns), strict=True):
            if look_alike(prints[start + row], others[column]):
                yield start + row, column
