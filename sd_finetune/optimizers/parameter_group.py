"""What an optimizer is built for: parameters and their learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with one learning rate. `name` ("unet", "text_encoder") is the name in events and metadata."""

    name: str
    parameters: list[nn.Parameter]
    learning_rate: float
