from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.schedule import scaled_linear_alphas_cumprod, signal_to_noise_ratio


def test_by_hand() -> None:
    # Roots of beta run evenly: 0.1, 0.2, 0.3.
    alphas_cumprod = scaled_linear_alphas_cumprod(0.01, 0.09, 3)
    assert alphas_cumprod.tolist() == pytest.approx([0.99, 0.99 * 0.96, 0.99 * 0.96 * 0.91], rel=1e-14)
    assert alphas_cumprod.dtype == torch.float64


def test_signal_to_noise() -> None:
    alphas_cumprod = torch.tensor([0.5, 0.8], dtype=torch.float64)
    assert signal_to_noise_ratio(alphas_cumprod, torch.tensor([1, 0, 1])).tolist() == pytest.approx([4, 1, 4])
