"""Empty tensors that say how a checkpoint was trained, as Forge, reForge and ComfyUI look for them.

V_PREDICTION, ZERO_TERMINAL_SNR: their names
predicted_by_marks(names) -> "epsilon" or "v_prediction"
noise_marks(architecture) -> those of a new checkpoint
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ..diffusion.noising import PredictionType

V_PREDICTION = "v_pred"
"""The UNet predicts v."""
ZERO_TERMINAL_SNR = "ztsnr"
"""Nothing of the image is left at the schedule's end."""


class _Noise(Protocol):
    @property
    def prediction_type(self) -> str: ...
    @property
    def zero_terminal_snr(self) -> bool: ...


def predicted_by_marks(names: Container[str]) -> PredictionType:
    """What a UNet predicts, by the names of a file's tensors."""
    return "v_prediction" if V_PREDICTION in names else "epsilon"


def noise_marks(architecture: _Noise) -> dict[str, Tensor]:
    """By name, those that fit the architecture."""
    import torch  # not for the names alone

    marks = {
        V_PREDICTION: architecture.prediction_type == "v_prediction",
        ZERO_TERMINAL_SNR: architecture.zero_terminal_snr,
    }
    return {name: torch.empty(0) for name, is_so in marks.items() if is_so}
