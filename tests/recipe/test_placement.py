"""Whole runs in which a part that is away cannot be used: as on a GPU, where that would fail or be slow.

That they are the same runs is in test_fast_paths.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sd_finetune.runs.messages import Evaluation, Sample
from sd_finetune.training import placement, setup
from sd_finetune.training.loop import train
from sd_finetune.training.prior import class_examples
from tests.toy import ROWS, Toy, events_of

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
        self.model: Any = None

    def __call__(self, module: nn.Module, device: torch.device) -> None:
        away = device.type == "cpu"
        self.append(f"{type(module).__name__} {'away' if away else 'back'}")
        for own in module.modules():
            if not own._parameters:  # diffusers' activations are the same objects in all modules
                continue
            if away:
                own.forward = _is_away  # type: ignore[method-assign]
            else:
                del own.forward


def _is_away(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("a part that is away is used")


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Moves:
    """Parts are moved although the run is on the CPU."""
    noted = Moves()
    made = placement.Placement.__init__
    monkeypatch.setattr(
        placement.Placement, "__init__", lambda self, model, device: made(self, model, torch.device("cuda"), noted)
    )
    return noted


@ROW
@pytest.mark.parametrize("prior", ["images", "model"])
def test_a_run_does_without_what_is_away(toy: Toy, row: dict[str, Any], moves: Moves, prior: str) -> None:
    training = toy.train({**ALL_KINDS, **row, "prior.source": prior, "prior.bank_size": 2})
    assert len(events_of(training.run, Sample)) == 3
    assert len(events_of(training.run, Evaluation)) == 4
    learns = training.settings.prompts_learn()
    parts = ["AutoencoderKL"] if learns else ["AutoencoderKL", "CLIPTextModel"]
    first, *rest = (moves[start : start + len(parts)] for start in range(0, len(moves), len(parts)))
    assert first == [f"{part} away" for part in parts]
    there_and_back = [[f"{part} {way}" for part in parts] for way in ("back", "away")]
    assert rest == 3 * there_and_back, "back for the three samples, and at no other time"


def test_the_vae_stays_where_images_are_encoded_in_each_step(toy: Toy, moves: Moves) -> None:
    toy.train({**ROWS["lora"], "data.cache_latents": False})
    assert [move for move in moves if "Autoencoder" in move] == []


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
