from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.loss import (
    combine_with_prior,
    decayed_prior_weight,
    held_outside,
    loss_per_sample,
    weights_of_mask,
)


def test_a_mean_for_each_image() -> None:
    predicted, target = torch.zeros(2, 4, 2, 2), torch.zeros(2, 4, 2, 2)
    predicted[1, 0, 0, 0] = 4
    assert loss_per_sample(predicted, target).tolist() == [0, 1]


def test_half_precision_is_summed_in_full() -> None:
    predicted = torch.full((1, 4, 64, 64), 3e2, dtype=torch.float16)
    losses = loss_per_sample(predicted, torch.zeros_like(predicted))
    assert losses.dtype == torch.float32
    assert losses.tolist() == [9e4], "beyond what float16 holds"


def test_the_total_is_instance_plus_weighted_prior() -> None:
    parts = combine_with_prior(torch.tensor([1.0, 3.0, 10.0, 30.0]), 2, 0.5, 2, 2)
    assert (parts.instance.item(), parts.prior.item(), parts.total.item()) == (2, 20, 12)


def test_without_class_images_the_prior_is_nothing() -> None:
    parts = combine_with_prior(torch.tensor([1.0, 3.0]), 0, 1.0, 2, 0)
    assert (parts.instance.item(), parts.prior.item(), parts.total.item()) == (2, 0, 2)


def test_the_weight_of_the_prior_falls_evenly_to_its_minimum() -> None:
    found = [decayed_prior_weight(step, 4, 1.0, 0.2) for step in (0, 1, 2, 3, 4, 9)]
    assert found == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_the_shares_of_a_split_step_add_up() -> None:
    losses = torch.tensor([1.0, 3.0, 8.0, 10.0, 30.0, 5.0])
    whole = combine_with_prior(losses, 3, 0.5, 3, 3)
    rows = ([0, 1, 3, 4], [2, 5])
    shares = [combine_with_prior(losses[row], len(row) // 2, 0.5, 3, 3) for row in rows]
    for name in whole._fields:
        assert sum(getattr(share, name) for share in shares).item() == pytest.approx(getattr(whole, name).item())


# --- masks

ERRORS = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(1, 4, 2, 2)  # of each of the four channels
MASK = torch.tensor([[[[1.0, 0.0], [0.5, 0.0]]]])


@pytest.mark.parametrize(
    ("normalize", "outside", "expected"),
    [
        (False, 0.0, (1 + 0.5 * 9) / 4),
        (True, 0.0, (1 + 0.5 * 9) / 1.5),
        (False, 0.2, (1 + 0.2 * 4 + 0.6 * 9 + 0.2 * 16) / 4),
        (True, 0.2, (1 + 0.2 * 4 + 0.6 * 9 + 0.2 * 16) / (1 + 0.2 + 0.6 + 0.2)),
        (False, 1.0, (1 + 4 + 9 + 16) / 4),
        (True, 1.0, (1 + 4 + 9 + 16) / 4),
    ],
)
def test_a_masked_loss_by_hand(normalize: bool, outside: float, expected: float) -> None:
    weights = weights_of_mask(MASK, outside)
    assert loss_per_sample(ERRORS, torch.zeros_like(ERRORS), weights, normalize).item() == pytest.approx(expected)


def test_each_image_has_a_mask_and_an_area_of_its_own() -> None:
    both = torch.cat([MASK, torch.ones_like(MASK)])
    losses = loss_per_sample(ERRORS.expand(2, -1, -1, -1), torch.zeros(2, 4, 2, 2), both, normalize=True)
    assert losses.tolist() == pytest.approx([5.5 / 1.5, 30 / 4])


def test_nothing_is_learned_of_what_a_crop_has_left_without_a_mask() -> None:
    predicted = torch.full((1, 4, 2, 2), 3.0, requires_grad=True)
    loss = loss_per_sample(predicted, torch.zeros(1, 4, 2, 2), torch.zeros(1, 1, 2, 2), normalize=True)
    (gradient,) = torch.autograd.grad(loss.sum(), predicted)
    assert loss.item() == 0
    assert not gradient.any()


def test_the_prior_outside_by_hand() -> None:
    untrained = torch.zeros_like(ERRORS)
    assert held_outside(ERRORS, untrained, MASK, False).item() == pytest.approx((4 + 0.5 * 9 + 16) / 4)
    assert held_outside(ERRORS, untrained, MASK, True).item() == pytest.approx((4 + 0.5 * 9 + 16) / 2.5)
    assert held_outside(ERRORS, untrained, torch.ones_like(MASK), True).item() == 0


def test_gradients_stay_inside() -> None:
    predicted = ERRORS.clone().requires_grad_()
    loss = loss_per_sample(predicted, torch.zeros_like(ERRORS), weights_of_mask(MASK, 0), normalize=True)
    (gradient,) = torch.autograd.grad(loss.sum(), predicted)
    assert (gradient.abs().sum(dim=(0, 1)) > 0).tolist() == [[True, False], [True, False]]


def test_what_errors_cost_is_weighed_by_the_mask_as_their_squares_are() -> None:
    weights = weights_of_mask(MASK, 0.2)
    zeros, once = torch.zeros_like(ERRORS), torch.abs
    found = loss_per_sample(ERRORS, zeros, weights, normalize=True, cost=once)
    assert found.item() == pytest.approx((1 + 0.2 * 2 + 0.6 * 3 + 0.2 * 4) / 2)
    assert held_outside(ERRORS, zeros, MASK, False, once).item() == pytest.approx((2 + 0.5 * 3 + 4) / 4)
