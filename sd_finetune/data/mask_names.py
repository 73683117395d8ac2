"""How mask files are called, so that none is ever taken for an image."""

from __future__ import annotations

from pathlib import Path

MASK_ENDS = (".mask", "-masklabel")
"""Of a mask's name before the ending, as in 1.mask.png and 1-masklabel.png for the image 1."""


def is_mask(path: Path) -> bool:
    """Whether a file has the name of a mask."""
    return path.stem.lower().endswith(MASK_ENDS)


def without_mask_end(path: Path) -> str:
    """The stem or the name of the image that a mask beside it is of: "1" for 1.mask.png, "1.jpg" for 1.jpg.mask.png."""
    end = next((end for end in MASK_ENDS if path.stem.lower().endswith(end)), "")
    return path.stem[: len(path.stem) - len(end)]
