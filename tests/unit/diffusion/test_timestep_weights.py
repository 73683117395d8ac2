"""Weights of timesteps, against values that are computed by hand."""

from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.timestep_weights import (
    debiased_weights,
    min_snr_weights,
    soft_min_snr_weights,
    timestep_weights,
)

ALPHAS_CUMPROD = torch.tensor([0.99, 0.8, 0.5, 0.1], dtype=torch.float64)  # SNR 99, 4, 1, 1/9
EVERY = torch.arange(4)


@pytest.mark.parametrize(
    ("prediction_type", "expected"),
    [("epsilon", [3 / 99, 3 / 4, 1, 1]), ("v_prediction", [3 / 100, 3 / 5, 1 / 2, (1 / 9) / (10 / 9)])],
)
def test_min_snr_by_hand(prediction_type, expected) -> None:
    weights = min_snr_weights(EVERY, ALPHAS_CUMPROD, 3.0, prediction_type)
    assert weights.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction_type", "expected"),
    [
        ("epsilon", [3 / 102, 3 / 7, 3 / 4, 27 / 28]),
        ("v_prediction", [3 / 102 * 0.99, 3 / 7 * 0.8, 3 / 4 * 0.5, 27 / 28 * 0.1]),
    ],
)
def test_soft_min_snr_by_hand(prediction_type, expected) -> None:
    weights = soft_min_snr_weights(EVERY, ALPHAS_CUMPROD, 3.0, prediction_type)
    assert weights.tolist() == pytest.approx(expected)
    assert bool((weights < min_snr_weights(EVERY, ALPHAS_CUMPROD, 3.0, prediction_type)).all())


@pytest.mark.parametrize(
    ("prediction_type", "expected"),
    [("epsilon", [99**-0.5, 1 / 2, 1, 3]), ("v_prediction", [99**0.5 / 100, 2 / 5, 1 / 2, 3 / 10])],
)
def test_debiased_by_hand(prediction_type, expected) -> None:
    assert debiased_weights(EVERY, ALPHAS_CUMPROD, prediction_type).tolist() == pytest.approx(expected)


def test_weights_of_v_are_those_of_epsilon_times_what_its_loss_is_smaller() -> None:
    """e_eps = sqrt(abar) e_v for the same prediction."""
    smaller = ALPHAS_CUMPROD.float()
    for kind in ("min_snr", "soft_min_snr", "debiased"):
        of_epsilon = timestep_weights(EVERY, ALPHAS_CUMPROD, kind, 3.0, "epsilon")
        of_v = timestep_weights(EVERY, ALPHAS_CUMPROD, kind, 3.0, "v_prediction")
        assert of_epsilon is not None
        torch.testing.assert_close(of_v, of_epsilon * smaller)


def test_a_gamma_of_0_weighs_nothing() -> None:
    assert timestep_weights(EVERY, ALPHAS_CUMPROD, "min_snr", 0.0, "epsilon") is None
    assert timestep_weights(EVERY, ALPHAS_CUMPROD, "debiased", 0.0, "epsilon") is not None


@pytest.mark.parametrize("kind", ["min_snr", "soft_min_snr", "debiased"])
def test_v_without_any_signal_has_no_weight(kind) -> None:
    """The limit of each: at the end of a schedule with zero terminal SNR nothing becomes NaN."""
    weights = timestep_weights(torch.tensor([0]), torch.zeros(1, dtype=torch.float64), kind, 5.0, "v_prediction")
    assert weights is not None
    assert weights.tolist() == [0]


@pytest.mark.parametrize("kind", ["min_snr", "soft_min_snr"])
def test_noise_without_any_signal_counts_in_full(kind) -> None:
    weights = timestep_weights(torch.tensor([0]), torch.zeros(1, dtype=torch.float64), kind, 5.0, "epsilon")
    assert weights is not None
    assert weights.tolist() == [1]
