"""Weights of timesteps that contradict their gamma, a range of timesteps without any, two kinds of noise."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.read import find_faults


def faults(content: dict[str, Any], weights: str, gamma: float) -> dict[str, str]:
    return find_faults({**content, "loss": {"timestep_weights": weights}, "train": {"snr_gamma": gamma}})


def test_debiased_has_no_gamma(content: dict[str, Any]) -> None:
    assert faults(content, "debiased", 5) == {
        "loss.timestep_weights": (
            'loss.timestep_weights = "debiased" has no gamma, and train.snr_gamma = 5: set train.snr_gamma to 0, or '
            'loss.timestep_weights to "min_snr" or "soft_min_snr".'
        )
    }


def test_soft_weights_need_one(content: dict[str, Any]) -> None:
    assert list(faults(content, "soft_min_snr", 0)) == ["loss.timestep_weights"]


@pytest.mark.parametrize(("weights", "gamma"), [("min_snr", 0), ("min_snr", 5), ("soft_min_snr", 5), ("debiased", 0)])
def test_what_goes_together_is_taken(content: dict[str, Any], weights: str, gamma: float) -> None:
    assert faults(content, weights, gamma) == {}


def test_a_range_has_timesteps(content: dict[str, Any]) -> None:
    asked = {"smallest": 500, "largest": 499}
    sentence = "timesteps.smallest = 500 is above timesteps.largest = 499, so that none is left: swap them."
    assert find_faults({**content, "timesteps": asked}) == {"timesteps.smallest": sentence}
    assert find_faults({**content, "timesteps": {"smallest": 500, "largest": 500}}) == {}


def test_one_kind_of_coarse_noise_is_enough(content: dict[str, Any]) -> None:
    noise, offset = {"noise": {"multires_iterations": 6}}, {"train": {"noise_offset": 0.1}}
    assert find_faults({**content, **noise, **offset}) == {
        "noise.multires_iterations": (
            "noise.multires_iterations = 6 and train.noise_offset = 0.1 both add coarse noise: set one of them to 0."
        )
    }
    assert find_faults({**content, **noise}) == find_faults({**content, **offset}) == {}
