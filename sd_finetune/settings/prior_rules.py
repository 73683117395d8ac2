"""When a run has class images, and how much they count."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .options import Settings


def without_class_images(settings: Settings) -> dict[str, str]:
    """By the option's name, why a run with these settings would have no class images to generate."""
    faults: dict[str, str] = {}
    if settings.prior_weight() == 0:
        faults["prior.weight"] = "prior.weight = 0 uses no class images: set it above 0, for example to 1."
    if not settings.prior.has_images:
        told = f'prior.source = "{settings.prior.source}" generates no class images'
        faults["prior.source"] = f'{told}: set it to "images" or "both".'
    return faults


def decaying_prior(settings: Settings) -> Iterator[Broken]:
    """What decays does not rise."""
    weight, prior = settings.prior_weight(), settings.prior
    if prior.decay.amount and 0 < weight < prior.minimum:
        sentence = (
            f"prior.minimum = {prior.minimum:g} is above prior.weight = {weight:g}, which prior.decay lowers to it"
        )
        yield ("prior.minimum", "prior.weight"), f"{sentence}: use a smaller one, or set prior.decay = 0."
