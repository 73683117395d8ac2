from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.training.output.divergence import loss_of_nothing, risen
from tests.toy import Toy

NOISE = [0.02, 0.31, 0.11, 0.05, 0.24, 0.09, 0.4, 0.01]


@pytest.mark.parametrize(
    ("losses", "is_risen"),
    [
        (NOISE * 20, False),
        (NOISE * 10 + [loss * 1.6 for loss in NOISE] * 10, False),
        (NOISE * 10 + [loss * 5 for loss in NOISE] * 10, True),
        (NOISE * 10 + [1.4] * 40, True),
        ([0.1, 0.2, 1.2, 1.4], True),
        ([0.1, 0.05, 0.3, 0.9], False),  # a few steps say nothing as long as the loss is possible
        ([0.1, 1.4], False),
        ([1.1, 1.0, 1.2, 1.1, 1.3], False),  # it never predicted anything
        ([], False),
    ],
)
def test_it_is_told_from_noise(losses: list[float], is_risen: bool) -> None:
    assert (risen(losses, of_nothing=1.0) is not None) == is_risen


def test_what_a_model_that_predicts_nothing_would_have_is_scaled_by_the_weights() -> None:
    assert risen([0.1, 0.1, 0.3, 0.3], of_nothing=0.25) == (0.1, 0.3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1.0),
        ({"train.snr_gamma": 0.1}, 0.4505),
        ({"loss.timestep_weights": "debiased"}, 3.021),
        ({"train.snr_gamma": 0.1, "timesteps.smallest": 800}, 1.0),
        ({"loss.type": "huber", "loss.huber_delta": 0.1, "loss.delta_schedule": "constant"}, 0.142),
        ({"loss.type": "smooth_l1", "loss.huber_delta": 0.1, "loss.delta_schedule": "constant"}, 1.42),
    ],
)
def test_what_it_would_have_follows_the_loss(toy: Toy, changes: dict[str, Any], expected: float) -> None:
    """Of a standard normal e, E[e^2] = 1 and E[2 (sqrt(e^2 + 0.01) - 0.1)] = 1.42."""
    assert loss_of_nothing(toy.prepare(changes)) == pytest.approx(expected, rel=0.02)
