from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.schedule import (
    NEXT_TO_NOTHING,
    rescaled_to_zero_snr,
    scaled_linear_alphas_cumprod,
    signal_to_noise_ratio,
)


def test_by_hand() -> None:
    # Roots of beta run evenly: 0.1, 0.2, 0.3.
    alphas_cumprod = scaled_linear_alphas_cumprod(0.01, 0.09, 3)
    assert alphas_cumprod.tolist() == pytest.approx([0.99, 0.99 * 0.96, 0.99 * 0.96 * 0.91], rel=1e-14)
    assert alphas_cumprod.dtype == torch.float64


def test_signal_to_noise() -> None:
    alphas_cumprod = torch.tensor([0.5, 0.8], dtype=torch.float64)
    assert signal_to_noise_ratio(alphas_cumprod, torch.tensor([1, 0, 1])).tolist() == pytest.approx([4, 1, 4])


def test_zero_terminal_snr_by_hand() -> None:
    """Roots 0.9, 0.5, 0.1 become 0.9, 0.45 and next to nothing."""
    rescaled = rescaled_to_zero_snr(torch.tensor([0.81, 0.25, 0.01], dtype=torch.float64))
    assert rescaled.tolist() == pytest.approx([0.81, 0.2025, NEXT_TO_NOTHING], rel=1e-12)
    assert rescaled.dtype == torch.float64


def test_zero_terminal_snr_begins_as_before_and_ends_where_nothing_is_left() -> None:
    before = scaled_linear_alphas_cumprod(0.00085, 0.012, 1000)
    rescaled = rescaled_to_zero_snr(before)
    assert rescaled[0].item() == pytest.approx(before[0].item(), rel=1e-12)
    assert bool((rescaled[1:] < before[1:]).all())
    assert bool((rescaled.diff() < 0).all()), "the value in the place of the zero is below the one before it"
