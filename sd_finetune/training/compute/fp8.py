"""The UNet's frozen weights in 8 bits, by `train.frozen_weights`: half of their VRAM, each converted while it is used.

Every output channel has a scale of its own, a power of two, so that all of its weights have the three bits of float8's
fraction and nothing else is rounded. Gradients run through a layer as before; it keeps its weight for them in fp8, as
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

KEPT = torch.float8_e4m3fn
LARGEST = 448.0
"""The largest number that it has."""
LEAST_SCALE = 2.0**-24
"""The smallest number of fp16."""
BLOCKS = ("down_blocks.", "mid_block.", "up_blocks.")
"""Nearly all of a UNet; what comes before and after them is small, and every error goes through it."""
SCALE = "weight_scale"


class _KeptInFp8(nn.Module):
    """Before a layer's own class; its weight is converted when the layer is first moved or cast, on the device there.

    Until then it computes as it is. It computes in the precision that it was cast to.
    """

    weight: nn.Parameter
    weight_scale: Tensor

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What `to` does to a module; layer by layer, so that of a UNet that is moved one layer at a time is whole."""
        was_kept = self.weight.dtype == KEPT
        applied = cast("Any", super())._apply(fn, recurse)
        if not was_kept:
            self.register_buffer(SCALE, _scale_of(self.weight), persistent=False)
            self._keep(self.weight / self.weight_scale)
        elif self.weight.dtype != KEPT:  # in another precision, which had room for every number of fp8
            self._keep(self.weight)
        return applied

    def _keep(self, values: Tensor) -> None:
        self.weight = nn.Parameter(values.detach().to(KEPT), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output, in the precision that it was cast to."""
        if self.weight.dtype != KEPT:
            return super().forward(x)
        return cast("Any", _Product).apply(x.to(self.weight_scale.dtype), self.weight, self.weight_scale, self)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    plain: type(f"Fp8{plain.__name__}", (_KeptInFp8, plain), {}) for plain in (nn.Linear, nn.Conv2d)
}
"""The classes of layers that are kept in fp8, and what they become."""


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


def keep_in_fp8(unet: nn.Module) -> Callable[[], None]:
    """Have the weights of a frozen UNet's blocks kept in fp8 from when they are next moved or cast.

    Returns a function that gives the layers their own way back, with the weights as they were rounded.
    """
    undo = ExitStack()
    for path, layer in cast("Any", unet).named_modules():
        if path.startswith(BLOCKS) and type(layer) in KINDS:
            layer.__class__ = KINDS[type(layer)]
            undo.callback(_give_back, layer)
    return undo.close


def _give_back(layer: Any) -> None:
    if layer.weight.dtype == KEPT:
        layer.weight = nn.Parameter(_restored(layer.weight, layer.weight_scale), requires_grad=False)
        delattr(layer, SCALE)
    layer.__class__ = next(plain for plain, kept in KINDS.items() if type(layer) is kept)


def _scale_of(weight: Tensor) -> Tensor:
    """Of each output channel, (out, 1[, 1, 1]): the least power of two at which all of its weights fit."""
    largest = weight.detach().flatten(1).abs().amax(1).float()
    scale = torch.exp2(torch.ceil(torch.log2(largest / LARGEST))).clamp(min=LEAST_SCALE)
    return scale.to(weight.dtype).reshape(-1, *[1] * (weight.dim() - 1))


def _restored(weight: Tensor, scale: Tensor) -> Tensor:
    """The weight in the precision of its scale."""
    return weight.to(scale.dtype) * scale


def _geometry(layer: nn.Conv2d) -> tuple[Any, ...]:
    return layer.stride, layer.padding, layer.dilation, layer.groups
