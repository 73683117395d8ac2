"""What a WebUI must have for the tab to work in it: where something is lacking, that is said before it could fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NEEDED: Mapping[str, Sequence[str]] = {
    "shared": (
        "cmd_opts.api_auth",
        "cmd_opts.disable_console_progressbars",
        "opts.dumpjson",
        "opts.sd_model_checkpoint",
        "progress_print_out",
        "state.begin",
        "state.end",
        "state.interrupt",
        "state.interrupted",
        "state.request_restart",
        "state.skipped",
        "state.stopping_generation",
    ),
    "call_queue": ("queue_lock",),
    "modelloader": ("load_models",),
    "paths": ("data_path", "models_path"),
    "processing": ("StableDiffusionProcessing", "StableDiffusionProcessingTxt2Img"),
    "progress": ("add_task_to_queue", "current_task", "finish_task", "pending_tasks", "start_task"),
    "sd_models": ("CheckpointInfo", "checkpoint_aliases", "checkpoints_list"),
    "ui_extra_networks": ("extra_pages",),
    "ui_settings": ("get_value_for_setting",),
}
"""By module of the package `modules`, what is used in a WebUI of any kind. Each kind has a table of its own.

First what every program with such a package has loaded already.
"""


def lacking(needed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What of it this process does not have, as "shared.state"; of what comes after it nothing is imported yet."""
    return (f"{module}.{name}" for module, names in needed.items() for name in names if not _has(module, name))


def _has(module: str, name: str) -> bool:
    try:
        value: Any = __import__("modules", fromlist=[module])
        for part in (module, *name.split(".")):
            value = getattr(value, part)
    except Exception:  # what a module of an unknown program raises while it is imported is for nobody to know
        return False
    return True
