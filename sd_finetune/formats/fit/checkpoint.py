"""A checkpoint that DreamBooth continues from, beside its base checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ...families.differences import first_difference
from ...settings.options import Settings
from ..checkpoint_config import config_beside
from ..known_base import known_base
from .target import Target

if TYPE_CHECKING:
    from ...families.family import Architecture


def refuse_other_checkpoint(path: Path, settings: Settings, target: Target) -> None:
    """Raise UserError unless training can continue from a checkpoint: it is not whole, or differs from the base."""
    earlier = known_base(path, fallback_config=described_by(settings, target.path))
    refuse_other_sizes(path, earlier.architecture, target)


def described_by(settings: Settings, base: Path) -> Path | None:
    """The config of the base, by which a checkpoint without one is read; None if there is none."""
    config = Path(settings.base.config or config_beside(base))
    return config if config.is_file() else None


def refuse_other_sizes(path: Path, earlier: Architecture, target: Target) -> None:
    """Raise UserError if the checkpoint `path` is of other sizes than the base, or predicts something else."""
    difference = first_difference(earlier, target.architecture, (*target.family.trainable_parts, "vae"))
    if difference:
        raise UserError(
            f"base.continue_from = {path} does not fit base.checkpoint = {target.path} ({difference}): choose a "
            "checkpoint that was trained from it."
        )
