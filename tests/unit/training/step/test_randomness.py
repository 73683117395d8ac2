from __future__ import annotations

import torch

from sd_finetune.training.step.randomness import derived_seed, generator_for, normal_noise, uniform_timesteps


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
    drawn = uniform_timesteps(0, "timesteps", range(2000), 10)
    counts = torch.bincount(drawn, minlength=10)
    assert len(counts) == 10
    assert counts.min() > 150
    assert counts.max() < 250
