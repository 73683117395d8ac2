from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.loss import combine_with_prior, loss_per_sample, min_snr_weights

ALPHAS_CUMPROD = torch.tensor([0.99, 0.8, 0.5, 0.1], dtype=torch.float64)  # SNR 99, 4, 1, 1/9
EVERY = torch.arange(4)


def test_a_mean_for_each_image() -> None:
    predicted, target = torch.zeros(2, 4, 2, 2), torch.zeros(2, 4, 2, 2)
    predicted[1, 0, 0, 0] = 4
    assert loss_per_sample(predicted, target).tolist() == [0, 1]


def test_half_precision_is_summed_in_full() -> None:
    predicted = torch.full((1, 4, 64, 64), 3e2, dtype=torch.float16)
    losses = loss_per_sample(predicted, torch.zeros_like(predicted))
    assert losses.dtype == torch.float32
    assert losses.tolist() == [9e4], "beyond what float16 holds"


@pytest.mark.parametrize(
    ("prediction_type", "expected"),
    [("epsilon", [3 / 99, 3 / 4, 1, 1]), ("v_prediction", [3 / 100, 3 / 5, 1 / 2, (1 / 9) / (10 / 9)])],
)
def test_min_snr_by_hand(prediction_type, expected) -> None:
    weights = min_snr_weights(EVERY, ALPHAS_CUMPROD, 3.0, prediction_type)
    assert weights.tolist() == pytest.approx(expected)


def test_the_total_is_instance_plus_weighted_prior() -> None:
    parts = combine_with_prior(torch.tensor([1.0, 3.0, 10.0, 30.0]), 2, 0.5, 2, 2)
    assert (parts.instance.item(), parts.prior.item(), parts.total.item()) == (2, 20, 12)


def test_without_class_images_the_prior_is_nothing() -> None:
    parts = combine_with_prior(torch.tensor([1.0, 3.0]), 0, 1.0, 2, 0)
    assert (parts.instance.item(), parts.prior.item(), parts.total.item()) == (2, 0, 2)


def test_the_shares_of_a_split_step_add_up() -> None:
    losses = torch.tensor([1.0, 3.0, 8.0, 10.0, 30.0, 5.0])
    whole = combine_with_prior(losses, 3, 0.5, 3, 3)
    rows = ([0, 1, 3, 4], [2, 5])
    shares = [combine_with_prior(losses[row], len(row) // 2, 0.5, 3, 3) for row in rows]
    for name in whole._fields:
        assert sum(getattr(share, name) for share in shares).item() == pytest.approx(getattr(whole, name).item())
