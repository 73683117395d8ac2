"""Training with a moving average of the weights: it changes nothing of them, and a resumed run has it too."""

from __future__ import annotations

import pytest
import torch

from sd_finetune.errors import UserError
from tests.toy import ROWS, Toy, assert_same_outcome, stopped_and_resumed, trained

AVERAGED = {"ema.decay": 0.9, "train.length": "6 steps"}


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
    assert_same_outcome(toy.train(AVERAGED), stopped_and_resumed(toy, AVERAGED, 3))


def test_an_optimizer_that_averages_is_enough(toy: Toy) -> None:
    with pytest.raises(UserError, match="averages the weights itself"):
        toy.settings({**AVERAGED, "optimizer.name": "adamw_schedule_free"})
