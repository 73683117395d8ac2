"""Whole runs in which a part that is away cannot be used: as on a GPU, where that would fail or be slow.

That they are the same runs is in test_fast_paths.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sd_finetune.runs.messages import Evaluation, Sample
from sd_finetune.training import placement, setup
from sd_finetune.training.loop import train
from sd_finetune.training.prior import class_examples
from tests.toy import ROWS, Toy, events_of, make_images

ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
ALL_KINDS = {
    "train.length": "3 steps",
    "prior.weight": 1.0,
    "concepts.class_images": 2,
    "samples.prompts": ["a star"],
    "samples.every": "2 steps",
    "evaluation.every": "1 step",
}


class Moves(list[str]):
    """Notes each move, and takes from a module that is away what it computes with."""

    def __init__(self) -> None:
        super().__init__()
        self._refusing: dict[nn.Module, Any] = {}

    def __call__(self, module: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        away = device.type == "cpu"
        self.append(f"{type(module).__name__} {'away' if away else 'back'}")
        module.to(dtype)
        self.put(module, away)

    def put(self, module: nn.Module, away: bool) -> None:
        for own in module.modules():
            if not own._parameters:  # diffusers' activations are the same objects in all modules
                continue
            if away:
                self._refusing[own] = own.register_forward_pre_hook(_is_away)
            elif own in self._refusing:
                self._refusing.pop(own).remove()


def _is_away(*args: Any) -> None:
    raise AssertionError("a part that is away is used")


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Moves:
    """Parts are moved although the run is on the CPU."""
    noted = Moves()
    made = placement.Placement.__init__

    def make(self: Any, model: Any, device: torch.device, dtype: torch.dtype) -> None:
        made(self, model, torch.device("cuda"), dtype, noted)
        for part in model.parts:
            noted.put(model.module(part), away=True)

    monkeypatch.setattr(placement.Placement, "__init__", make)
    return noted


@ROW
@pytest.mark.parametrize("prior", ["images", "model"])
def test_a_run_does_without_what_is_away(toy: Toy, row: dict[str, Any], moves: Moves, prior: str) -> None:
    new = {"class_images.seed": 100 + list(ROWS.values()).index(row)}  # of which none are generated yet
    training = toy.train({**ALL_KINDS, **row, **new, "prior.source": prior, "prior.bank_size": 2})
    assert len(events_of(training.run, Sample)) == 3
    assert len(events_of(training.run, Evaluation)) == 4
    drawing = ["ClipTextEncoder", "UNet2DConditionModel", "AutoencoderKL"]
    learns = training.settings.prompts_learn()
    assert moves == [
        *(one_by_one(drawing) if prior == "images" else []),
        *one_by_one(["AutoencoderKL"]),
        "UNet2DConditionModel back",
        "ClipTextEncoder back",
        *([] if learns else ["ClipTextEncoder away"]),
        *(3 * one_by_one(["AutoencoderKL"])),
    ], "class images, latents, training, and three samples, whose prompts were encoded before"


def one_by_one(parts: list[str]) -> list[str]:
    return [f"{part} {way}" for part in parts for way in ("back", "away")]


@pytest.mark.parametrize("captions", [{"captions.shuffle": True}, {"captions.drop_rate": 0.5}])
def test_text_encoders_stay_where_prompts_are_too_many_to_be_cached(
    toy: Toy, moves: Moves, tmp_path: Path, captions: dict[str, Any]
) -> None:
    images = make_images(tmp_path / "images", 1)
    (images / "0.txt").write_text("a, b, c")
    asked = {"concepts.folder": str(images), "concepts.instance_prompt": "sks, [filewords]", "samples.every": "2 steps"}
    toy.train({**ROWS["lora"], **asked, **captions, "train.length": "3 steps"})
    assert ("ClipTextEncoder away" in moves) == ("captions.drop_rate" in captions)


def test_the_vae_stays_where_images_are_encoded_in_each_step(toy: Toy, moves: Moves) -> None:
    toy.train({**ROWS["lora"], "data.cache_latents": "off"})
    assert [move for move in moves if "Autoencoder" in move] == ["AutoencoderKL back"]


def test_class_images_are_generated_before_there_is_an_optimizer(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def noting(name: str, function: Any) -> Any:
        return lambda *args, **kwargs: order.append(name) or function(*args, **kwargs)

    steps = [(class_examples, "generate_class_images"), (setup, "attach_method"), (setup, "Updates")]
    for module, name in steps:
        monkeypatch.setattr(module, name, noting(name, getattr(module, name)))
    changes = {**ROWS["dreambooth"], "prior.weight": 1.0, "class_images.seed": 77, "train.length": "1 step"}
    train(toy.prepare(changes))
    assert order == [name for _, name in steps]
