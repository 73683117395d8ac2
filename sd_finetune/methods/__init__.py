"""The methods, by the name that `settings.method` gives them."""

from __future__ import annotations

from ..formats.checkpoint import Checkpoint
from ..models.parts import ModelParts
from ..settings.options import Settings
from .base import Method
from .dreambooth import DreamBoothMethod
from .hypernetwork import HypernetworkMethod
from .lora import LoraMethod
from .textual_inversion import TextualInversionMethod

METHODS = {
    "lora": lambda parts, settings, base: LoraMethod(parts, settings),
    "dreambooth": DreamBoothMethod,
    "textual_inversion": lambda parts, settings, base: TextualInversionMethod(parts, settings),
    "hypernetwork": lambda parts, settings, base: HypernetworkMethod(parts, settings),
}


def attach_method(parts: ModelParts, settings: Settings, base: Checkpoint) -> Method:
    """The method that the settings name, at work on `parts`."""
    return METHODS[settings.method](parts, settings, base)
