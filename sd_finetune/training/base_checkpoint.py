"""The checkpoint that a run starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..formats.checkpoint import Checkpoint, read_checkpoint
from ..settings.options import Settings


def read_base(settings: Settings, weights: Path | None = None) -> Checkpoint:
    """Open the checkpoint of the settings.

    Args:
        weights: a file with its tensors that is read in its place, as when a program lends what it has loaded; the
            config is looked for beside the checkpoint all the same, whose name and path the results carry.

    Raises:
        UserError: it is missing, damaged or no Stable Diffusion 1 checkpoint.
    """
    path = Path(settings.base.checkpoint)
    config = Path(settings.base.config) if settings.base.config else None
    if weights is None:
        return read_checkpoint(path, config)
    beside = path.with_suffix(".yaml")
    return replace(read_checkpoint(weights, config or (beside if beside.is_file() else None)), path=path)
