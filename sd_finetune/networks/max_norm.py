"""Max-norm regularization: changes of weights beyond a norm are scaled down to it (kohya's `scale_weight_norms`)."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from .adapter import AdapterLayer


@torch.no_grad()
def limit_norms(layers: Iterable[AdapterLayer], most: float) -> None:
    """Scale the tensors of each layer, all by the same factor, so that its change has at most the norm `most`.

    Nothing waits for the GPU.
    """
    for layer in layers:
        change = layer.change()
        factor = most / change.norm().clamp(min=most)
        tensors = change.tensors().values()
        for value in tensors:
            value.mul_(factor ** (1 / len(tensors)))
