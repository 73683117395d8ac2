"""Training with a moving average of the weights: it changes nothing of them, and a resumed run has it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.errors import UserError
from sd_finetune.runs.messages import Saved
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from tests.toy import ROWS, Toy, events_of, train_and_command, trained

AVERAGED = {"ema.decay": 0.9, "train.length": "6 steps"}


def result_of(toy_run: Path) -> dict[str, torch.Tensor]:
    return load_file(toy_run)


@pytest.mark.parametrize("row", ROWS)
def test_what_is_trained_stays_the_same(toy: Toy, row: str) -> None:
    with_it, without = toy.train({**ROWS[row], **AVERAGED}), toy.train({**ROWS[row], "train.length": "6 steps"})
    plain = trained(without)
    assert all(torch.equal(value, plain[name]) for name, value in trained(with_it).items())
    kept = with_it.kept_tensors()
    assert {name for name in kept if name.startswith("average of ")} == {f"average of {name}" for name in plain}
    for name, value in plain.items():
        assert kept[f"average of {name}"].shape == value.shape


def test_stopped_and_resumed_it_is_the_same(toy: Toy) -> None:
    whole = toy.train(AVERAGED)
    stopped = toy.prepare(AVERAGED)
    train_and_command(stopped, 3, "stop")
    resumed = prepare(stopped.run, resume=True)
    train(resumed)
    first, second = (result_of(Path(events_of(run, Saved)[-1].path)) for run in (whole.run, resumed.run))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_an_optimizer_that_averages_is_enough(toy: Toy) -> None:
    with pytest.raises(UserError, match="averages the weights itself"):
        toy.settings({**AVERAGED, "optimizer.name": "adamw_schedule_free"})
