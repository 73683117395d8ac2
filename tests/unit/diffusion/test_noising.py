from __future__ import annotations

import pytest
import torch

from sd_finetune.diffusion.noising import (
    add_noise,
    perturbed,
    training_target,
    with_offset,
    with_prior_targets,
    with_pyramid,
)

ALPHAS_CUMPROD = torch.tensor([1.0, 0.64, 0.0], dtype=torch.float64)
LATENTS, NOISE = torch.full((3, 1, 1, 1), 10.0), torch.full((3, 1, 1, 1), 100.0)
EVERY = torch.arange(3)


def test_from_all_signal_to_all_noise() -> None:
    noisy = add_noise(LATENTS, NOISE, EVERY, ALPHAS_CUMPROD)
    torch.testing.assert_close(noisy.flatten(), torch.tensor([10.0, 0.8 * 10 + 0.6 * 100, 100.0]))
    assert noisy.dtype == torch.float32


def test_targets() -> None:
    assert training_target(LATENTS, NOISE, EVERY, ALPHAS_CUMPROD, "epsilon") is NOISE
    v = training_target(LATENTS, NOISE, EVERY, ALPHAS_CUMPROD, "v_prediction")
    torch.testing.assert_close(v.flatten(), torch.tensor([100.0, 0.8 * 100 - 0.6 * 10, -10.0]))


def test_each_image_has_its_own_timestep() -> None:
    noisy = add_noise(LATENTS, NOISE, torch.tensor([2, 0, 2]), ALPHAS_CUMPROD)
    assert noisy.flatten().tolist() == [100, 10, 100]


def test_offset_is_one_number_for_each_channel() -> None:
    noise, offsets = torch.randn(2, 3, 4, 4), torch.randn(2, 3)
    shift = with_offset(noise, offsets, 0.5) - noise
    torch.testing.assert_close(shift, (0.5 * offsets)[:, :, None, None].expand_as(shift), rtol=0, atol=1e-6)
    assert with_offset(noise, offsets, 0) is noise


def test_class_samples_are_held_to_predictions() -> None:
    target, predictions = torch.zeros(4, 1, 2, 2), torch.arange(8, dtype=torch.float64).reshape(2, 1, 2, 2) + 1
    found = with_prior_targets(target, predictions)
    assert torch.equal(found[:2], target[:2])
    assert torch.equal(found[2:], predictions.float())
    assert not target.any(), "the noise itself stays as it is"


def test_multires_noise_by_hand() -> None:
    noise = torch.tensor([[[1.0, -1.0], [0.0, 2.0]]])
    layers = [torch.tensor([[[1.0, 0.0], [0.0, -1.0]]]), torch.tensor([[[4.0]]])]
    total = torch.tensor([[[1 + 1 + 2, -1 + 2], [0 + 2, 2 - 1 + 2]]], dtype=torch.float32)  # the second layer halved
    torch.testing.assert_close(with_pyramid(noise, layers, 0.5), total / total.std())
    assert with_pyramid(noise, [], 0.5) is noise


def test_a_perturbed_input_by_hand() -> None:
    assert perturbed(torch.tensor([1.0, -2.0]), torch.tensor([3.0, 0.5]), 0.1).tolist() == pytest.approx([1.3, -1.95])
