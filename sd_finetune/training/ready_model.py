"""The model of a run, which computes in the way that the settings ask for."""

from __future__ import annotations

from ..families.family import DiffusionModel
from ..families.load_model import load_model
from ..formats.checkpoint import Checkpoint
from ..settings.options import Settings
from .compute.attention import attention_of, set_attention
from .compute.eight_bits import keep_in_8_bits
from .device import FORWARD_DTYPES, Accelerator
from .placement import Placement


def ready_model(base: Checkpoint, settings: Settings, accelerator: Accelerator) -> tuple[DiffusionModel, Placement]:
    """The base's modules, frozen, to which nothing is attached, and none of which is on a GPU yet.

    Raises:
        UserError: the checkpoint contradicts itself, or the attention that is asked for cannot be computed here.
    """
    kind = attention_of(settings.train.attention, accelerator.device)
    model = load_model(base)
    set_attention(model, kind)
    if settings.keeps_8_bits():
        keep_in_8_bits(model.unet, settings.train.frozen_weights)
    return model, Placement(model, accelerator.device, FORWARD_DTYPES[settings.train.mixed_precision])
