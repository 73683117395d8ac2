"""Low-rank layers beside frozen ones: W = W0 + (alpha / rank) * up @ down (LoRA, arXiv 2106.09685, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


class LoraLayer(nn.Module):
    """The low-rank addition to one Linear or convolution layer; `up` starts at zero, so it starts without effect.

    down: (rank, in[, kernel, kernel]); up: (out, rank[, 1, 1]), both float32.
    """

    def __init__(self, original: nn.Module, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rank, self.alpha = rank, alpha
        if isinstance(original, nn.Conv2d):
            shape: dict[str, Any] = {"stride": original.stride, "padding": original.padding}
            self.down: nn.Module = nn.Conv2d(original.in_channels, rank, original.kernel_size, bias=False, **shape)
            self.up: nn.Module = nn.Conv2d(rank, original.out_channels, 1, bias=False)
        elif isinstance(original, nn.Linear):
            self.down = nn.Linear(original.in_features, rank, bias=False)
            self.up = nn.Linear(rank, original.out_features, bias=False)
        else:
            raise TypeError(f"no LoRA for a {type(original).__name__}")
        bound = 1 / math.sqrt(self.down.weight[0].numel())  # Kaiming with a = sqrt(5), as the usual trainers start
        nn.init.uniform_(self.down.weight, -bound, bound, generator=generator)
        nn.init.zeros_(self.up.weight)

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """The addition to the original layer's output for the same input."""
        return self.up(self.down(x)) * self.scale


class LoraNetwork(nn.Module):
    """All low-rank layers of a model, by the path of the layer that each stands beside.

    `attach` puts them to work, `detach` takes them off again, both without touching a weight.
    """

    def __init__(self, targets: dict[str, nn.Module], rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self._targets = dict(targets)
        self.paths = list(targets)
        self.layers = nn.ModuleList([LoraLayer(module, rank, alpha, generator) for module in targets.values()])

    def named_layers(self) -> Iterator[tuple[str, LoraLayer]]:
        """Each layer with the path of its original, in a fixed order."""
        for path, layer in zip(self.paths, self.layers, strict=True):
            assert isinstance(layer, LoraLayer)
            yield path, layer

    def attach(self) -> None:
        """Add each layer's output to its original's from now on."""
        for path, layer in self.named_layers():
            original = self._targets[path]
            if "forward" in vars(original):
                raise RuntimeError(f"{path} already carries another layer: detach that first")
            original.forward = MethodType(_forward_with(layer), original)

    def detach(self) -> None:
        """The model as it was before `attach`."""
        for original in self._targets.values():
            vars(original).pop("forward", None)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """The model without the layers, for as long as the block runs."""
        self.detach()
        try:
            yield
        finally:
            self.attach()


def _forward_with(layer: LoraLayer) -> Any:
    def forward(original: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return type(original).forward(original, x, *args, **kwargs) + layer(x)

    return forward


def unet_targets(unet: nn.Module) -> dict[str, nn.Module]:
    """Every Linear and 1x1 convolution of the attention blocks: 192 in SD1.5."""
    return {name: module for name, module in unet.named_modules() if ".attentions." in f".{name}" and _fits(module)}


def text_encoder_targets(text_encoder: nn.Module) -> dict[str, nn.Module]:
    """Every Linear of the text encoder's attentions and MLPs: 72 in SD1.5."""
    return {
        name: module
        for name, module in text_encoder.named_modules()
        if (".self_attn." in name or ".mlp." in name) and _fits(module)
    }


def _fits(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))
