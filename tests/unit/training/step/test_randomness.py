from __future__ import annotations

import math

import pytest
import torch

from sd_finetune.training.step.randomness import (
    derived_seed,
    generator_for,
    logit_normal_timesteps,
    low_noise_timesteps,
    normal_noise,
    pyramid_layers,
    uniform_timesteps,
)


def test_seed_stream_and_index_all_count() -> None:
    seeds = {derived_seed(s, stream, i) for s in (0, 1, 2**32 - 1) for stream in ("noise", "flips") for i in range(50)}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_same_on_every_machine() -> None:
    assert derived_seed(7, "noise", 3) == derived_seed(7, "noise", 3)
    assert torch.equal(torch.randn(3, generator=generator_for(7, "a", 3)), normal_noise(7, "a", [3], (3,))[0])


def test_an_example_s_noise_does_not_depend_on_the_others() -> None:
    together = normal_noise(0, "noise", range(4), (4, 2, 2))
    apart = torch.cat([normal_noise(0, "noise", [k], (4, 2, 2)) for k in range(4)])
    assert torch.equal(together, apart)
    assert len({row.sum().item() for row in together}) == 4


def test_noise_is_standard_normal() -> None:
    noise = normal_noise(0, "noise", range(50), (400,))
    assert abs(noise.mean().item()) < 0.03
    assert abs(noise.std().item() - 1) < 0.03


def test_timesteps_cover_all_evenly() -> None:
    drawn = uniform_timesteps(0, "timesteps", range(2000), 0, 9)
    counts = torch.bincount(drawn, minlength=10)
    assert len(counts) == 10
    assert counts.min() > 150
    assert counts.max() < 250


def test_of_a_range_both_ends_are_drawn() -> None:
    for drawn in (
        uniform_timesteps(0, "timesteps", range(500), 3, 5),
        logit_normal_timesteps(0, "timesteps", range(500), 3, 5, 0.0, 1.0),
        low_noise_timesteps(0, "timesteps", range(500), 3, 5),
    ):
        assert drawn.dtype == torch.int64
        assert set(drawn.tolist()) == {3, 4, 5}


def test_logit_normal_timesteps_by_hand() -> None:
    drawn = logit_normal_timesteps(7, "timesteps", [2, 5], 100, 899, -0.5, 2.0)
    for timestep, index in zip(drawn.tolist(), (2, 5), strict=True):
        u = -0.5 + 2 * torch.randn((), generator=generator_for(7, "timesteps", index)).item()
        assert timestep == 100 + math.floor(800 / (1 + math.exp(-u)))


def test_timesteps_towards_low_noise_by_hand() -> None:
    drawn = low_noise_timesteps(7, "timesteps", [2, 5], 100, 899)
    for timestep, index in zip(drawn.tolist(), (2, 5), strict=True):
        u = torch.rand((1,), generator=generator_for(7, "timesteps", index)).item()
        assert timestep == 100 + math.floor(800 * (1 - math.sqrt(u)))


def test_they_are_drawn_in_proportion_to_what_is_left() -> None:
    """Of five timesteps 9, 7, 5, 3 and 1 of 25 times."""
    counts = torch.bincount(low_noise_timesteps(0, "timesteps", range(5000), 0, 4))
    assert (counts / 5000).tolist() == pytest.approx([0.36, 0.28, 0.2, 0.12, 0.04], abs=0.02)


@pytest.mark.parametrize("mean", [-1.0, 0.0, 1.5])
def test_their_median_is_the_sigmoid_of_the_mean(mean: float) -> None:
    drawn = logit_normal_timesteps(0, "timesteps", range(2000), 0, 999, mean, 1.0).float()
    assert drawn.median().item() == pytest.approx(1000 / (1 + math.exp(-mean)), abs=25)


def test_even_far_out_they_stay_in_the_range() -> None:
    assert set(logit_normal_timesteps(0, "timesteps", range(20), 0, 9, 60.0, 0.01).tolist()) == {9}
    assert set(logit_normal_timesteps(0, "timesteps", range(20), 4, 9, -60.0, 0.01).tolist()) == {4}


def test_layers_of_multires_noise_get_coarser_until_there_is_one_place() -> None:
    for index in range(20):
        layers = pyramid_layers(0, "noise", index, (4, 64, 96), 20)
        sides = [layer.shape[1:] for layer in layers]
        assert sides[0] == (64, 96)
        assert 16 <= sides[1][0] <= 32
        assert min(sides[-1]) == 1
        assert all(min(side) > 1 for side in sides[:-1])
        assert all(layer.shape[0] == 4 for layer in layers)
    assert len(pyramid_layers(0, "noise", 0, (4, 64, 64), 2)) == 2
    first, again, other = (pyramid_layers(0, "noise", index, (4, 9, 9), 3)[0] for index in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
