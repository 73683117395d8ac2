"""The moving average of weights, beside diffusers' EMAModel."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from sd_finetune.settings.groups.ema import Ema
from sd_finetune.training.average import Average, average_of, in_use


def changing(parameters: list[nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in parameters:
            parameter += torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


@pytest.mark.parametrize("warmup", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_diffusers_average(warmup: bool, dtype: torch.dtype) -> None:
    parameters = [nn.Parameter(torch.zeros(3, 2, dtype=dtype)), nn.Parameter(torch.ones(4, dtype=dtype))]
    average = Average(parameters, Ema(decay=0.8, warmup=warmup))
    theirs = EMAModel(parameters, decay=0.8, use_ema_warmup=warmup)
    theirs.to(dtype=torch.float32)
    for step in range(1, 12):
        changing(parameters, step)
        average.follow(step)
        theirs.step(parameters)
    for own, expected in zip(
        average.named(dict(zip("ab", parameters, strict=True))).values(), theirs.shadow_params, strict=True
    ):
        assert own.dtype == torch.float32
        torch.testing.assert_close(own, expected)


def test_it_is_used_for_a_while() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    average, place = Average([parameter], Ema(decay=0.5)), parameter.data_ptr()
    for step in (1, 2):
        changing([parameter], step)
        average.follow(step)
    trained = parameter.detach().clone()
    with suppress(KeyError), in_use(average, asked=True):
        assert torch.equal(parameter, average.named({"a": parameter})["a"])
        assert not torch.equal(parameter, trained)
        raise KeyError
    assert torch.equal(parameter, trained)
    assert parameter.data_ptr() == place, "a recorded step reads from there"
    with in_use(average, asked=False):
        assert torch.equal(parameter, trained)


def test_there_is_none_unless_asked() -> None:
    assert average_of([nn.Parameter(torch.zeros(2))], Ema()) is None
