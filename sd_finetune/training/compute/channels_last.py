"""Convolution weights with the channels of a pixel side by side, as the convolutions of tensor cores read them.

A captured step of SD 1.5 on an H200 in bf16 took 28.6 instead of 32 ms for a LoRA, and 42 instead of 49 ms for
DreamBooth. On a CPU core in fp32 a step of the toy's UNet was 6 % shorter, and of one four times as wide
2 % longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import nn


def is_faster(device: torch.device, mixed_precision: str) -> bool:
    """Whether channels come last on this device, with this choice of `train.mixed_precision`."""
    return device.type == "cuda" and mixed_precision != "no"


def put_channels_last(modules: Iterable[nn.Module]) -> None:
    """In place: parameters stay the same objects, with the same values in another order in memory."""
    for module in modules:
        cast("Any", module).to(memory_format=torch.channels_last)
