"""When a run has class images."""

from __future__ import annotations

from ..errors import UserError
from .options import Settings


def refuse_without_class_images(settings: Settings) -> None:
    """Raise UserError if a run with these settings would have no class images to generate."""
    if settings.prior_weight() == 0:
        raise UserError("prior.weight = 0 uses no class images: set it above 0, for example to 1.")
    if settings.prior.source == "model":
        raise UserError('prior.source = "model" generates no class images: set it to "images".')
