"""Adafactor with the step sizes of its paper (arXiv 1804.04235, section 8), which learning rates multiply."""

from __future__ import annotations

import torch

from .adafactor import AdafactorImplementation, relative_step_size, scale_of
from .bf16_weights import weight_of
from .optimizer import Group, Rate


class AdafactorRelative(AdafactorImplementation):
    """`Adafactor` with `relative_step`."""

    @staticmethod
    @torch.no_grad()
    def applied_learning_rate(group: Group) -> Rate:
        """The mean over the weights of the group, each of which has one of its own by its size."""
        scales = torch.stack([scale_of(weight_of(known_as)) for known_as in group["params"]])
        return scales.mean() * (group["lr"] * relative_step_size(group.get("steps", 0) + 1))
