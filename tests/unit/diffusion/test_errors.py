"""What errors cost, against values that are computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sd_finetune.diffusion.errors import cost_of_errors, huber_deltas

ALPHAS_CUMPROD = torch.tensor([0.99, 0.8, 0.5, 0.1], dtype=torch.float64)  # sigma 1/sqrt(99), 1/2, 1, 3
EVERY = torch.arange(4)


@pytest.mark.parametrize(
    ("loss_type", "expected"),
    [
        ("mse", [[0.0, 9.0], [16.0, 0.25]]),
        ("huber", [[0.0, 8 * (5 - 4)], [6 * (5 - 3), 6 * (math.sqrt(9.25) - 3)]]),
        ("smooth_l1", [[0.0, 2 * (5 - 4)], [2 * (5 - 3), 2 * (math.sqrt(9.25) - 3)]]),
    ],
)
def test_costs_by_hand(loss_type, expected) -> None:
    """With a delta of 4 for the first sample and of 3 for the second."""
    errors = torch.tensor([[0.0, 3.0], [-4.0, 0.5]])
    found = cost_of_errors(errors, loss_type, torch.tensor([4.0, 3.0]))
    torch.testing.assert_close(found, torch.tensor(expected))


def test_small_errors_cost_their_squares_and_large_ones_are_in_proportion() -> None:
    delta = torch.tensor([0.1])
    small, large = torch.tensor([[1e-4]]), torch.tensor([[100.0]])
    assert cost_of_errors(small, "huber", delta).item() == pytest.approx(1e-8, rel=1e-5)
    assert cost_of_errors(large, "huber", delta).item() == pytest.approx(2 * 0.1 * (100 - 0.1), rel=1e-5)


def test_nothing_is_wrong_with_no_error() -> None:
    errors = torch.zeros(1, 2, requires_grad=True)
    cost_of_errors(errors, "smooth_l1", torch.tensor([0.001])).sum().backward()
    assert errors.grad is not None
    assert errors.grad.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1] * 4),
        ("exponential", [1, 0.1**0.25, 0.1**0.5, 0.1**0.75]),
        ("snr", [0.9 / (1 + 99**-0.5) ** 2 + 0.1, 0.9 / 2.25 + 0.1, 0.9 / 4 + 0.1, 0.9 / 16 + 0.1]),
    ],
)
def test_deltas_by_hand(schedule, expected) -> None:
    deltas = huber_deltas(EVERY, ALPHAS_CUMPROD, 0.1, schedule)
    assert deltas.dtype == torch.float32
    assert deltas.tolist() == pytest.approx(expected)
