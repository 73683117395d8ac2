"""AdamW's fused kernels step as the plain ones do, go on from their state, and keep to the order of the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.optimizers import adamw
from sd_finetune.optimizers.build import build_optimizer
from sd_finetune.optimizers.kept_state import kept_state, put_back
from sd_finetune.optimizers.parameter_group import ParameterGroup
from sd_finetune.settings.options import Settings

TOLERANCE = 1e-5
"""Relative, of weights after six steps."""
DEVICES = [
    pytest.param(
        "cpu", marks=pytest.mark.skipif(not adamw.CPU_HAS_FUSED, reason="this torch fuses AdamW on CUDA alone")
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
]


class Half:
    """A kernel and a bias that are trained for some steps, with the fused kernels or without."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, device: str, fused: bool, channels_last: bool = False) -> None:
        torch.manual_seed(1)
        self.layer = nn.Conv2d(8, 6, 3).to(device)
        if channels_last:
            self.layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        monkeypatch.setattr(adamw, "FUSED_ON", (device,) if fused else ())
        group = ParameterGroup("unet", list(self.layer.parameters()), 1e-2)
        self.optimizer = build_optimizer([group], Settings())
        assert bool(self.optimizer.param_groups[0]["fused"]) == fused

    def step(self, numbers: range) -> Half:
        for number in numbers:
            generator = torch.Generator().manual_seed(number)
            shown = torch.randn(2, 8, 7, 7, generator=generator).to(self.layer.weight.device)
            self.layer(shown).square().mean().backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return self

    def go_on(self, other: Half, path: Path) -> Half:
        """From the weights and the state of another, by way of a file."""
        torch.save(kept_state(other.optimizer, "adamw"), path)
        with torch.no_grad():
            for own, its in zip(self.layer.parameters(), other.layer.parameters(), strict=True):
                own.copy_(its)
        put_back(self.optimizer, "adamw", torch.load(path, weights_only=True, map_location="cpu"))
        return self

    @property
    def values(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.layer.parameters()])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("first", [True, False], ids=["from fused", "from plain"])
def test_fused_and_plain_are_the_same_and_go_on_from_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, first: bool
) -> None:
    plain = Half(monkeypatch, device, fused=False).step(range(6)).values
    half = Half(monkeypatch, device, fused=first).step(range(3))
    torch.testing.assert_close(
        Half(monkeypatch, device, not first).go_on(half, tmp_path / "state.pt").step(range(3, 6)).values,
        plain,
        rtol=TOLERANCE,
        atol=1e-7,
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("first", [True, False], ids=["from channels last", "to channels last"])
def test_what_is_kept_follows_the_order_of_the_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, first: bool
) -> None:
    """A snapshot of one order is gone on with in the other, as where the GPU is another one."""
    plain = Half(monkeypatch, device, fused=False).step(range(6)).values
    half = Half(monkeypatch, device, fused=True, channels_last=first).step(range(3))
    second = Half(monkeypatch, device, fused=True, channels_last=not first).go_on(half, tmp_path / "state.pt")
    weight = second.layer.weight
    for name in ("exp_avg", "exp_avg_sq"):
        assert second.optimizer.state[weight][name].stride() == weight.stride()
    torch.testing.assert_close(second.step(range(3, 6)).values, plain, rtol=TOLERANCE, atol=1e-7)


@pytest.mark.cuda
def test_an_overflow_in_fp16_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    half = Half(monkeypatch, "cuda", fused=True)
    scaler, before = torch.cuda.amp.GradScaler(), half.values.clone()
    scaler.scale(half.layer(torch.ones(1, 8, 3, 3, device="cuda")).sum() * float("inf")).backward()
    scaler.step(half.optimizer)
    scaler.update()
    assert torch.equal(half.values, before)


def test_they_are_used_wherever_torch_has_them() -> None:
    """On a CPU a step with them takes a quarter of the time."""
    weight = nn.Parameter(torch.ones(2))
    found = build_optimizer([ParameterGroup("unet", [weight], 1e-2)], Settings()).param_groups[0]["fused"]
    assert bool(found) == adamw.CPU_HAS_FUSED
