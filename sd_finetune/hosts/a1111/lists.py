"""The WebUI's lists of checkpoints and networks, and which checkpoint is selected."""

# pyright: reportMissingImports=false
# `modules` is the WebUI's, which is there only while its process runs us.

from __future__ import annotations

from typing import Any

from modules import sd_models, shared


def selected() -> Any:
    """The `CheckpointInfo` that the WebUI generates with next, also while it is still loading; None without one."""
    info = sd_models.checkpoint_aliases.get(shared.opts.sd_model_checkpoint)
    return info or next(iter(list(sd_models.checkpoints_list.values())), None)  # as sd_models.select_checkpoint does
