from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.families.initial_values import NoInitialValues


def test_tensors_without_memory_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    references: Any = import_module("torch._refs")  # which torch computes with where there is no memory
    monkeypatch.setattr(references, "normal_", lambda *_, **__: drawn.append("normal_"))
    with NoInitialValues(), torch.device("meta"):
        layers = [nn.Linear(2, 3), nn.Conv2d(2, 2, 3), nn.Embedding(4, 2)]
        weight = layers[0].weight.data.normal_(mean=1, std=2)
    assert all(next(layer.parameters()).is_meta for layer in layers)
    assert weight.shape == (3, 2)
    assert drawn == []


def test_others_get_their_values() -> None:
    def values() -> list[Tensor]:
        torch.manual_seed(0)
        weight = nn.init.kaiming_uniform_(torch.empty(2, 2))
        return [nn.Linear(2, 3).weight, nn.Embedding(4, 2).weight, weight, torch.empty(3).normal_()]

    expected = values()
    with NoInitialValues():
        found = values()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
