"""Modules get their tensors from a checkpoint, so the values that they are made with are not computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_DRAWING = {
    *(getattr(Tensor, name) for name in ("normal_", "uniform_")),
    *(getattr(nn.init, f"{name}_") for name in ("normal", "uniform", "trunc_normal")),
    *(getattr(nn.init, f"{kind}_{name}_") for kind in ("kaiming", "xavier") for name in ("normal", "uniform")),
}


class NoInitialValues(TorchFunctionMode):
    """A context in which tensors without memory, of the device "meta", are not filled with random values.

    torch computes nothing there either, but for a normal distribution it imports a package for symbolic mathematics,
    which takes longer than making all the modules.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func in _DRAWING:
            tensor: Tensor = args[0] if args else named["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **named)
