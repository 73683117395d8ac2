"""Rounding to bf16 by chance: equal in the mean, and steps that are lost otherwise add up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.optimizers.bf16_weights import in_fp32, new_stand_in
from sd_finetune.optimizers.stochastic_rounding import rounded_stochastically

COUNT, STEPS, SIZE = 200_000, 50, 2e-6


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights() -> Tensor:
    """Values as a UNet's, each a bf16 number."""
    return (torch.randn(COUNT, generator=generator()) * 0.05).bfloat16()


def mean_move_after_steps(rounded: object) -> float:
    """Of weights to which SIZE is added STEPS times, in fp32, and rounded each time."""
    start = weights()
    moved = start
    for step in range(STEPS):
        moved = rounded(moved.float() + SIZE, step)  # type: ignore[operator]
    return float((moved.double() - start.double()).mean())


def test_steps_of_2e_6_move_bf16_weights_as_far_in_the_mean_as_fp32_ones() -> None:
    by_chance = mean_move_after_steps(lambda values, step: rounded_stochastically(values, generator(step)))
    assert by_chance == pytest.approx(STEPS * SIZE, rel=0.02)


def test_plain_rounding_loses_them() -> None:
    """Only weights near zero, where bf16 numbers are closer, move at all."""
    plainly = mean_move_after_steps(lambda values, step: values.bfloat16())
    assert abs(plainly) < 0.1 * STEPS * SIZE


def test_it_is_one_of_the_two_neighbors_by_how_near_they_are() -> None:
    values = torch.full((COUNT,), 1 + 2**-7 / 4)  # a quarter of the way from 1 to the next
    rounded = rounded_stochastically(values, generator())
    assert set(rounded.tolist()) == {1.0, 1 + 2**-7}
    assert float((rounded > 1).float().mean()) == pytest.approx(0.25, abs=0.005)
    assert torch.equal(rounded_stochastically(-values, generator()), -rounded)


def test_bf16_numbers_stay_and_so_does_what_is_not_finite() -> None:
    assert torch.equal(rounded_stochastically(weights().float(), generator()), weights())
    quiet = torch.tensor([0x7FFFFFFF], dtype=torch.int32).view(torch.float32)  # NaN as CUDA writes it
    odd = torch.cat([torch.tensor([torch.inf, -torch.inf, torch.nan, 0.0]), quiet])
    found = rounded_stochastically(odd, generator())
    assert torch.equal(torch.nan_to_num(found, nan=7.0), torch.nan_to_num(odd.bfloat16(), nan=7.0))


def test_a_generator_decides() -> None:
    values = torch.randn(1000, generator=generator())
    first, again, other = (rounded_stochastically(values, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stand_ins_are_full_only_while_they_are_needed() -> None:
    parameter = nn.Parameter(weights().reshape(2, -1))
    before = parameter.detach().clone()
    parameter.grad = torch.full_like(parameter, 0.5)
    stand_in = new_stand_in(parameter)
    with in_fp32([stand_in], [generator()]):
        assert parameter.grad is None
        assert torch.equal(stand_in.detach(), before.float())
        assert stand_in.grad is not None
        assert (stand_in.grad.dtype, stand_in.grad.shape) == (torch.float32, before.shape)
        stand_in.data += 0.01
    assert stand_in.numel() == 0
    assert stand_in.grad is None
    assert parameter.dtype == torch.bfloat16
    assert float((parameter.detach() - before).double().mean()) == pytest.approx(0.01, rel=0.02)


def test_a_step_that_fails_leaves_the_weights() -> None:
    parameter = nn.Parameter(weights())
    stand_in = new_stand_in(parameter)

    def fail() -> None:
        with in_fp32([stand_in], [generator()]):
            stand_in.data += 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.equal(parameter.detach(), weights())
    assert stand_in.numel() == 0
