"""The WebUI's modes of emphasis: how (word:1.2), [word], \\( and BREAK in a prompt are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

EmphasisMode = Literal["none", "ignore", "original", "no_norm"]
"""none: a prompt is plain text, its brackets and BREAK too. ignore: they are read, but weights are not used. original:
states times their token's weight, and all times what keeps their mean. no_norm: without the latter."""
EMPHASIS_TITLES: Mapping[str, str] = {
    "none": "None", "ignore": "Ignore", "original": "Original", "no_norm": "No norm"
}  # fmt: skip
"""What the WebUI calls them."""
EMPHASIS_MODES = tuple(EMPHASIS_TITLES)
