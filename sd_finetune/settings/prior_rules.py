"""When a run has class images, and how much they count."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import UserError
from .faults import Broken
from .options import Settings


def refuse_without_class_images(settings: Settings) -> None:
    """Raise UserError if a run with these settings would have no class images to generate."""
    if settings.prior_weight() == 0:
        raise UserError("prior.weight = 0 uses no class images: set it above 0, for example to 1.")
    if settings.prior.source == "model":
        raise UserError('prior.source = "model" generates no class images: set it to "images".')


def decaying_prior(settings: Settings) -> Iterator[Broken]:
    """What decays does not rise."""
    weight, prior = settings.prior_weight(), settings.prior
    if prior.decay.amount and 0 < weight < prior.minimum:
        sentence = (
            f"prior.minimum = {prior.minimum:g} is above prior.weight = {weight:g}, which prior.decay lowers to it"
        )
        yield ("prior.minimum", "prior.weight"), f"{sentence}: use a smaller one, or set prior.decay = 0."
