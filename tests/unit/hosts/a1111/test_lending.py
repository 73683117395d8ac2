"""Giving the model back, on stand-ins for the WebUI's modules; tests/webui lends in a real one."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


class Models:
    """Of sd_models, what lending touches; `room` is whether a model fits onto the GPU."""

    def __init__(self) -> None:
        self.model = torch.nn.Linear(2, 2)
        self.model.sd_checkpoint_info = "toy"  # type: ignore[assignment]
        self.model_data = SimpleNamespace(sd_model=self.model, loaded_sd_models=[self.model], lock=threading.Lock())
        self.room = True
        self.done: list[str] = []

    def send_model_to_cpu(self, model: torch.nn.Module) -> None:
        self.done.append("to the CPU")

    def send_model_to_device(self, model: torch.nn.Module) -> None:
        if not self.room:
            raise torch.cuda.OutOfMemoryError("no room")
        self.done.append("to the GPU")

    def send_model_to_trash(self, model: torch.nn.Module) -> None:
        model.to(device="meta")

    def load_model(self, info: Any) -> None:
        old = [*self.model_data.loaded_sd_models, *([self.model_data.sd_model] if self.model_data.sd_model else [])]
        self.done.append(f"loaded {info}, of the old one on {self.model.weight.device}, {len(old)} kept")
        self.model_data.sd_model = torch.nn.Linear(2, 2)


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Our module, with the stand-in as `sd_models`."""
    package: Any = ModuleType("modules")
    package.sd_models, package.sd_vae = Models(), SimpleNamespace()
    package.devices = SimpleNamespace(torch_gc=lambda: None)
    package.sd_unet = SimpleNamespace(current_unet_option=None, current_unet=None)
    monkeypatch.setitem(sys.modules, "modules", package)
    name = "sd_finetune.hosts.a1111.lending"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def test_the_model_comes_back(lending: Any) -> None:
    with lending.vram_freed():
        assert lending.sd_models.done == ["to the CPU"]
    assert lending.sd_models.done == ["to the CPU", "to the GPU"]


def test_where_it_finds_no_room_it_is_loaded_again_in_its_place(lending: Any) -> None:
    with lending.vram_freed():
        lending.sd_models.room = False
    assert lending.sd_models.done == ["to the CPU", "loaded toy, of the old one on meta, 0 kept"]
    assert lending.loaded_model() is not lending.sd_models.model


def test_where_another_one_was_loaded_meanwhile_that_one_stays(lending: Any) -> None:
    with lending.vram_freed():
        lending.sd_models.model_data.sd_model = other = torch.nn.Linear(2, 2)
    assert lending.sd_models.done == ["to the CPU"]
    assert lending.loaded_model() is other
