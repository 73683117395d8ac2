"""Tensors of an SDXL checkpoint that are not weights of its modules."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..noise_marks import noise_marks
from .architecture import SdxlArchitecture
from .keys import TEXT, TEXT_2

POSITION_IDS = f"{TEXT}text_model.embeddings.position_ids"
LOGIT_SCALE = f"{TEXT_2}logit_scale"
LARGEST_LOGIT_SCALE = math.log(100)
"""Where OpenCLIP's training ends; no program generates with it."""


def constant_tensors(architecture: SdxlArchitecture) -> dict[str, Tensor]:
    """CLIP's position ids, OpenCLIP's logit scale, and the markers of how the model was trained."""
    positions = architecture.text_encoder.max_position_embeddings
    return {
        POSITION_IDS: torch.arange(positions).unsqueeze(0),
        LOGIT_SCALE: torch.tensor(LARGEST_LOGIT_SCALE),
        **noise_marks(architecture),
    }
