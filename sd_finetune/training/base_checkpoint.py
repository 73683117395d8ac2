"""The checkpoint that a run starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..formats.checkpoint import Checkpoint, read_checkpoint
from ..formats.checkpoint_config import config_beside
from ..formats.prediction import doubts
from ..formats.vae_file import with_vae
from ..settings.options import Settings


def about_base(base: Checkpoint) -> list[str]:
    """Sentences about what it predicts, where that is doubtful."""
    architecture = base.architecture
    predicts_v = architecture.prediction_type == "v_prediction"
    return list(doubts(base.path, base.family.facts, predicts_v, architecture.zero_terminal_snr))


def read_base(settings: Settings, weights: Path | None = None) -> Checkpoint:
    """Open the checkpoint of the settings.

    Args:
        weights: a file with its tensors to read instead, as lent by a host that has it loaded; the config is still the
            one beside the checkpoint, and results get the checkpoint's name.

    Raises:
        UserError: it is missing, damaged, not a supported checkpoint, or has NaN or infinite weights.
    """
    path = Path(settings.base.checkpoint)
    config = Path(settings.base.config) if settings.base.config else None
    if weights is None:
        base = read_checkpoint(path, config)
    else:
        beside = config_beside(path)
        base = replace(read_checkpoint(weights, config or (beside if beside.is_file() else None)), path=path)
    if settings.base.vae:
        base = with_vae(base, Path(settings.base.vae))
    base.refuse_not_finite()  # else class images, latents and results would all be of it
    return base
