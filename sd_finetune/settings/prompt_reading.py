"""How the prompts of a run become what the UNet is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from .emphasis import EmphasisMode
from .groups.captions import CHUNK_TOKENS
from .options import Settings


@dataclass(frozen=True)
class PromptReading:
    """How prompts are read; by default the first 75 tokens of plain text."""

    emphasis: EmphasisMode = "none"
    clip_skip: int = 1
    """The text encoder's layer whose states are used, from 1 for the last."""
    chunks: int | None = 1
    """At most so many of 75 tokens; None: as many as a prompt needs."""


PLAIN = PromptReading()
AS_THE_WEBUI = PromptReading(emphasis="original", chunks=None)
"""By its default settings."""


def trained_reading(settings: Settings) -> PromptReading:
    """Of training and class images, in steps."""
    captions = settings.captions
    return PromptReading(_mode(captions.emphasis), settings.train.clip_skip, captions.tokens // CHUNK_TOKENS)


def class_image_reading(settings: Settings) -> PromptReading:
    """Of class images while they are generated: as in steps, but to its end."""
    return replace(trained_reading(settings), chunks=None)


def sample_reading(settings: Settings) -> PromptReading:
    """Of samples: as in the WebUI."""
    return PromptReading(_mode(settings.samples.emphasis), settings.train.clip_skip, chunks=None)


def _mode(chosen: str) -> EmphasisMode:
    return cast("EmphasisMode", chosen)  # settings have no other choices
