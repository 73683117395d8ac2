"""Sends what the CPU has made to where a model computes."""

from __future__ import annotations

import torch
from torch import Tensor


def sent_to(device: torch.device, tensor: Tensor) -> Tensor:
    """A tensor of the CPU on the device; a GPU need not be done with what it was given before, nor is it waited for."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
