"""The list of checkpoints at the top of Forge's page, which is none of its settings.

Its own script selects by parts of names: "dog" may select "my dog", whichever comes first.
"""

# pyright: reportMissingImports=false
# `modules`, `modules_forge` and gradio are Forge's, which are there only while its process runs us.

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

import gradio as gr
from modules import sd_models, shared
from modules_forge import main_entry

from ..webui.kind import Dropdown, Kind
from ..webui.lists import read_checkpoints


def dropdown(kind: Kind) -> Dropdown | None:
    """None where there is no page."""
    component = getattr(main_entry, "ui_checkpoint", None)
    return None if component is None else Dropdown(component, as_it_is, partial(choose, kind))


def in_dropdown(info: Any) -> str:
    """What a `CheckpointInfo` is called there."""
    return info.short_title if getattr(shared.opts, "sd_checkpoint_dropdown_use_short", False) else info.name


def as_it_is() -> Any:
    """What shows the list, and what is selected in it."""
    return gr.update(choices=_choices(), value=shared.opts.sd_model_checkpoint)


def _choices() -> list[str]:
    return [in_dropdown(info) for info in list(sd_models.checkpoints_list.values())]


def choose(kind: Kind, title: str) -> Any:
    """Select a checkpoint, which Forge loads for the next image; what shows it.

    The page has a result before its run's turn ends, and only then it is listed. Of what is selected here Forge's page
    would be told, but Neo's only of what a person chose.
    """
    info = sd_models.checkpoint_aliases.get(title)
    if info is None:
        read_checkpoints(kind)
        info = sd_models.checkpoint_aliases.get(title)
    if info is None:
        return gr.update()
    name, change = in_dropdown(info), main_entry.checkpoint_change
    change(name, *([shared.opts.forge_preset] if "preset" in signature(change).parameters else []))
    return gr.update(choices=_choices(), value=name)
