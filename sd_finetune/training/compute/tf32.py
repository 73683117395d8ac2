"""Whether a GPU multiplies fp32 numbers in TF32: their range with the 10 bits of precision that fp16 has."""

from __future__ import annotations

import torch


def set_tf32(allowed: bool) -> None:
    """For matrix products and convolutions, in this process. torch has it on for convolutions alone."""
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
