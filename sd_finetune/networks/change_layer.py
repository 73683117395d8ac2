"""Adapter layers of any algorithm, by the change of the weight that their tensors amount to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from ..low_rank.change import Change
from ..low_rank.dora import Decomposed, StoredChange
from .adapter import precise, weight_of
from .dropout import Dropout


class Held(nn.Module):
    """The tensors of a change as parameters, so that they move with the network."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self._form = change.with_tensors({field: own.to("meta") for field, own in change.tensors().items()})
        self.values = nn.ParameterDict({field: nn.Parameter(own.detach()) for field, own in change.tensors().items()})

    def change(self) -> Change:
        """The change with the parameters."""
        return self._form.with_tensors(dict(self.values.items()))


class ChangeLayer(nn.Module):
    """The change of one Linear or convolution layer that is trained; its initial values have no effect.

    What it adds to the output is computed anew in the backward pass: a change takes as much memory as the weight.
    """

    def __init__(self, original: nn.Module, start: Change) -> None:
        super().__init__()
        self.held, self.alpha, self.rank, self.scale = Held(start), start.alpha, start.rank, start.scale
        self.dropout = Dropout()
        self._original = (original,)  # which is no module of this one

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor, share: Tensor | None = None) -> Tensor:
        """As `AdapterLayer.beside`."""
        output, values = original(x), self.held.values
        added = cast("Any", _Recomputed).apply(self._addition(output.dtype), x, *values.values())
        return output + (added if share is None else added * share.to(added.dtype))

    def _addition(self, dtype: torch.dtype) -> Callable[..., Tensor]:
        """Of the layer's output, given its input and the values, in that precision."""
        (original,), fields = self._original, list(self.held.values)

        def added(x: Tensor, *values: Tensor) -> Tensor:
            with without_autocast(x.device):  # the product in the values' own precision
                change = self.held.change().with_tensors(dict(zip(fields, values, strict=True)))
                return changed_output(original, x.to(dtype), change.scaled_product().to(dtype))

        return added

    def change(self) -> Change:
        """As `AdapterLayer.change`."""
        return self.held.change()

    @torch.no_grad()
    def fill(self, change: Change) -> None:
        """Take over the values of a change of the same sizes."""
        for field, value in change.tensors().items():
            self.held.values[field].copy_(value)

    def trained(self) -> dict[str, Tensor]:
        return dict(self.held.values.items())

    def file_tensors(self) -> dict[str, Tensor]:
        return self.change().file_tensors()


class SeveralLayer(nn.Module):
    """Changes of LoRA files, one after the other with their weights, as the WebUI adds them; they are not trained."""

    def __init__(self, original: nn.Module, changes: Sequence[tuple[StoredChange, float]]) -> None:
        super().__init__()
        self._original, self._weights = (original,), [weight for _, weight in changes]
        self.held = nn.ModuleList(Held(c if isinstance(c, Change) else c.change) for c, _ in changes)
        self.magnitudes = nn.ParameterDict(
            {str(k): nn.Parameter(c.magnitude) for k, (c, _) in enumerate(changes) if isinstance(c, Decomposed)}
        )
        self.dropout = Dropout()

    def beside(self, original: Callable[[Tensor], Tensor], x: Tensor, share: Tensor | None = None) -> Tensor:
        """The output of the layer whose forward pass is `original`, with the change of all."""
        output, (layer,) = original(x), self._original
        with without_autocast(x.device):
            whole = weight_of(layer)
            change = (added_one_by_one(whole, self._changes()) - precise(whole)).to(output.dtype)
            return output + changed_output(layer, x.to(output.dtype), change)

    def _changes(self) -> list[tuple[StoredChange, float]]:
        changes: list[StoredChange] = [cast("Held", held).change() for held in self.held]
        for number, magnitude in self.magnitudes.items():
            changes[int(number)] = Decomposed(cast("Change", changes[int(number)]), magnitude)
        return list(zip(changes, self._weights, strict=True))


def added_one_by_one(weight: Tensor, changes: Sequence[tuple[StoredChange, float]]) -> Tensor:
    """The weight after changes with their weights, each of what the earlier ones left; float32 or more precise."""
    changed = precise(weight)
    for change, share in changes:
        changed = changed + share * change.change_of(changed)
    return changed


def changed_output(original: nn.Module, x: Tensor, change: Tensor) -> Tensor:
    """What a change of the weight of a Linear or convolution layer adds to its output."""
    if isinstance(original, nn.Conv2d):
        kernel = change.reshape(original.weight.shape)
        return conv2d(x, kernel, None, original.stride, original.padding, original.dilation, original.groups)
    return linear(x, change)


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """As it is computed outside of autocast."""
    return torch.autocast(device.type, enabled=False) if device.type in ("cpu", "cuda") else nullcontext()


class _Recomputed(torch.autograd.Function):
    """`compute(*inputs)`, of which nothing but the inputs is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        ctx.compute = compute
        ctx.save_for_backward(*inputs)
        return compute(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1:]
        inputs = [own.detach().requires_grad_(want) for own, want in zip(ctx.saved_tensors, wanted, strict=True)]
        with torch.enable_grad():
            output = ctx.compute(*inputs)
        asked = [own for own, want in zip(inputs, wanted, strict=True) if want]
        found = iter(torch.autograd.grad(output, asked, gradients))
        return (None, *(next(found) if want else None for want in wanted))
