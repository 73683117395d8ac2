"""The UNet's frozen weights in 8 bits, by `train.frozen_weights`: half of their VRAM, each converted while it is used.

Every output channel has a scale of its own: in fp8 a power of two, so that each weight has the three bits of its
fraction; in int8 the largest weight's share of 127. Of weights with a normal distribution fp8 loses 2.7 % and int8 less
than 1 %, as root mean squares. Gradients run through a layer as before; it keeps its weight for them in 8 bits, as
autograd would keep the converted one of every layer until the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import grad
from torch.nn.functional import conv2d, linear

KINDS = {"fp8": torch.float8_e4m3fn, "int8": torch.int8}
"""By `train.frozen_weights`."""
LARGEST = {torch.float8_e4m3fn: 448.0, torch.int8: 127.0}
"""The largest number that each has."""
LEAST_SCALE = 2.0**-24
"""The smallest number of fp16."""
BLOCKS = ("down_blocks.", "mid_block.", "up_blocks.")
"""Nearly all of a UNet; what comes before and after them is small, and every error goes through it."""
SCALE = "weight_scale"


class _In8Bits(nn.Module):
    """Before a layer's own class; its weight is converted when the layer is first moved or cast, on the device there.

    Until then it computes as it is. It computes in the precision that it was cast to.
    """

    weight: nn.Parameter
    weight_scale: Tensor
    kept_as: torch.dtype

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What `to` does to a module; layer by layer, so that of a UNet that is moved one layer at a time is whole."""
        was_kept = self.weight.dtype == self.kept_as
        applied = cast("Any", super())._apply(fn, recurse)
        if not was_kept:
            self.register_buffer(SCALE, _scale_of(self.weight, self.kept_as), persistent=False)
            self._keep(self.weight / self.weight_scale)
        elif self.weight.dtype != self.kept_as:  # in another precision, which had room for every number of fp8
            self._keep(self.weight)
        return applied

    def _keep(self, values: Tensor) -> None:
        values = values.detach()
        if not self.kept_as.is_floating_point:
            values = values.round().clamp(-LARGEST[self.kept_as], LARGEST[self.kept_as])
        self.weight = nn.Parameter(values.to(self.kept_as), requires_grad=False)

    def whole_weight(self) -> Tensor:
        """The weight that it computes with."""
        return _restored(self.weight, self.weight_scale) if self.weight.dtype == self.kept_as else self.weight

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, in the precision that it was cast to."""
        if self.weight.dtype != self.kept_as:
            return super().forward(x)
        return cast("Any", _Product).apply(x.to(self.weight_scale.dtype), self.weight, self.weight_scale, self)


CLASSES: dict[type[nn.Module], type[nn.Module]] = {
    plain: type(f"{plain.__name__}In8Bits", (_In8Bits, plain), {}) for plain in (nn.Linear, nn.Conv2d)
}
"""The classes of layers that are kept in 8 bits, and what they become."""


class _Product(torch.autograd.Function):
    """A layer's output and the gradient of its input, each with a weight that is converted for it alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
        ctx.save_for_backward(weight, scale)
        ctx.layer, ctx.shape = layer, x.shape
        if isinstance(layer, nn.Linear):
            return linear(x, _restored(weight, scale), layer.bias)
        return conv2d(x, _restored(weight, scale), layer.bias, *_geometry(layer))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,), (weight, scale), layer = gradients, ctx.saved_tensors, ctx.layer
        whole = _restored(weight, scale)
        if isinstance(layer, nn.Linear):
            return gradient @ whole, None, None, None
        return cast("Any", grad).conv2d_input(ctx.shape, whole, gradient, *_geometry(layer)), None, None, None


def keep_in_8_bits(unet: nn.Module, kind: str) -> Callable[[], None]:
    """Have the weights of a frozen UNet's blocks kept in 8 bits from when they are next moved or cast.

    Returns a function that gives the layers their own way back, with the weights as they were rounded.

    Args:
        kind: one of KINDS.
    """
    undo = ExitStack()
    for path, layer in cast("Any", unet).named_modules():
        if path.startswith(BLOCKS) and type(layer) in CLASSES:
            layer.__class__ = CLASSES[type(layer)]
            layer.kept_as = KINDS[kind]
            undo.callback(_give_back, layer)
    return undo.close


def _give_back(layer: Any) -> None:
    if layer.weight.dtype == layer.kept_as:
        layer.weight = nn.Parameter(_restored(layer.weight, layer.weight_scale), requires_grad=False)
        delattr(layer, SCALE)
    del layer.kept_as
    layer.__class__ = next(plain for plain, own in CLASSES.items() if type(layer) is own)


def _scale_of(weight: Tensor, kept_as: torch.dtype) -> Tensor:
    """Of each output channel, (out, 1[, 1, 1]), in the weight's precision; all of its weights fit."""
    scale = weight.detach().flatten(1).abs().amax(1).float() / LARGEST[kept_as]
    if kept_as.is_floating_point:
        scale = torch.exp2(torch.ceil(torch.log2(scale)))
    return scale.clamp(min=LEAST_SCALE).to(weight.dtype).reshape(-1, *[1] * (weight.dim() - 1))


def _restored(weight: Tensor, scale: Tensor) -> Tensor:
    """The weight in the precision of its scale."""
    return weight.to(scale.dtype) * scale


def _geometry(layer: nn.Conv2d) -> tuple[Any, ...]:
    return layer.stride, layer.padding, layer.dilation, layer.groups
