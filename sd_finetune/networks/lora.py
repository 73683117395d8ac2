"""Low-rank layers beside frozen ones (`low_rank.lora`), whose addition is computed without the change of the weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ..families.family import TargetLayer
from ..low_rank.lora import LoraModule
from ..settings.algorithms import Form
from .dropout import Dropout, dropped


class LoraLayer(nn.Module):
    """The low-rank addition to one Linear or convolution layer; `up` starts at zero, so it has no effect at first.

    down: (rank, in[, kernel, kernel]); up: (out, rank[, 1, 1]), both float32.
    """

    def __init__(self, original: nn.Module, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rank, self.alpha, self.dropout = rank, alpha, Dropout()
        if isinstance(original, nn.Conv2d):
            shape: dict[str, Any] = {"stride": original.stride, "padding": original.padding}
            height, width = original.kernel_size
            self.down: TargetLayer = nn.Conv2d(original.in_channels, rank, (height, width), bias=False, **shape)
            self.up: TargetLayer = nn.Conv2d(rank, original.out_channels, 1, bias=False)
        elif isinstance(original, nn.Linear):
            self.down = nn.Linear(original.in_features, rank, bias=False)
            self.up = nn.Linear(rank, original.out_features, bias=False)
        else:
            raise TypeError(f"no LoRA for a {type(original).__name__}")
        self.fill(LoraModule.new(original.weight.shape, Form(rank), alpha, generator))

    @torch.no_grad()
    def fill(self, values: LoraModule) -> None:
        """Take over values of the same rank."""
        self.down.weight.copy_(values.down)
        self.up.weight.copy_(values.up)

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """The addition to the original layer's output for the same input."""
        inner = self.down(x)
        if self._drops():
            inner = dropped(inner, self.dropout, rank_side=-1 if isinstance(self.down, nn.Linear) else 1)
        return self.up(inner if self.scale == 1 else inner * self.scale)

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor, share: Tensor | None = None) -> Tensor:
        """As `AdapterLayer.beside`."""
        if share is not None:
            added = self(x)
            return original(x) + added * share.to(added.dtype)
        if not isinstance(self.down, nn.Linear) or self._drops():
            return original(x) + self(x)
        rows = x.reshape(-1, x.shape[-1])
        output, inner = original(rows), linear(rows, self.down.weight)
        up = self.up.weight.to(inner.dtype)  # which autocast leaves undone in what works in place
        return output.addmm_(inner, up.t(), alpha=self.scale).view(*x.shape[:-1], -1)

    def _drops(self) -> bool:
        return self.training and bool(self.dropout.values or self.dropout.ranks)

    def change(self) -> LoraModule:
        """As `AdapterLayer.change`."""
        return LoraModule(self.down.weight, self.up.weight, self.alpha)

    def trained(self) -> dict[str, Tensor]:
        return {"down": self.down.weight, "up": self.up.weight}

    def file_tensors(self) -> dict[str, Tensor]:
        return self.change().file_tensors()
