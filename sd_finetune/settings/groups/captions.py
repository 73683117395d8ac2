"""The group [captions]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option


@dataclass(frozen=True)
class Captions:
    """Where captions come from, and what prompts are made of them."""

    image_comments: bool = option(
        False,
        "use the comment inside an image that has no caption file: PNG text, EXIF comment, or the prompt that the "
        "WebUI generated it with",
    )
