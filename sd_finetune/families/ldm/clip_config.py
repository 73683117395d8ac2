"""The config of CLIP's text encoders, with an attention that works in every precision."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CLIPTextConfig  # pyright: ignore[reportMissingTypeStubs]

FIRST_WITH_MASKS = (2, 2)
"""torch's own attention takes a mask in another precision than that of autocast from then on."""


def clip_config(**arguments: Any) -> CLIPTextConfig:
    """transformers' config of a text encoder of these sizes."""
    version = tuple(int(number) for number in torch.__version__.split(".")[:2])
    plain: dict[str, Any] = {"attn_implementation": "eager"} if version < FIRST_WITH_MASKS else {}
    return CLIPTextConfig(**arguments, **plain)
