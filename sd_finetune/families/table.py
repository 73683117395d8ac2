"""The model families that can be trained. A new one is a folder beside `sd1/` and a row here."""

from __future__ import annotations

from collections.abc import Mapping

from .facts import FamilyFacts
from .sd1.facts import SD1
from .sdxl.facts import SDXL

FAMILIES: Mapping[str, FamilyFacts] = {facts.name: facts for facts in (SD1, SDXL)}

DEFAULT_FAMILY = SD1.name
"""The family of a checkpoint whose tensors do not show it, for the message about what is missing."""


def supported_titles() -> str:
    """The families in words, as in "Stable Diffusion 1"."""
    return " or ".join(facts.title for facts in FAMILIES.values())
