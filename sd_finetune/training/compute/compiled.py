"""The UNet's blocks through torch.compile, one at a time: what is between their matrix products becomes fewer kernels.

Blocks are compiled and not the whole, so that those of the same sizes share what is compiled. No tensor's name changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from types import MethodType
from typing import Any, cast

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from ...networks.attachable import replace_forward

LEAST_TORCH = (2, 5)
"""Before it, a layer that another stands beside is not compiled as it is: torch 2.1.2 fails on a LoRA's."""
MOST_VERSIONS = 256
"""Of a block's code: torch's own limits are below the number of blocks, which beyond them would not be compiled."""
LIMITS = ("cache_size_limit", "accumulated_cache_size_limit", "recompile_limit", "accumulated_recompile_limit")
"""What torch's versions call them."""


Backend = str | Callable[..., Any]
"""What torch.compile takes for one."""


def compile_blocks(
    unet: nn.Module, device: torch.device, warn: Callable[[str], None], backend: Backend = "inductor"
) -> Callable[[], None]:
    """Compile the blocks, each at its first use. Returns what undoes it.

    Without gradients they stay as they are: the network that is attached may be detached then. Where compiling fails,
    now or later, `warn` gets a sentence and everything goes on without.
    """
    undo = ExitStack()

    def give_up(error: Exception) -> None:
        undo.close()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warn(f"train.compile = true needs a compiler that torch can use ({reason}): training goes on without.")

    try:
        _refuse_old_torch()
        undo.enter_context(_dynamo().config.patch(_limits()))
        _try(device, backend)
    except Exception as error:  # of the compiler, of Triton, of a system or a Python that torch does not compile on
        give_up(error)
        return undo.close
    for path, block in cast("Any", unet).named_modules():
        if isinstance(block, (BasicTransformerBlock, ResnetBlock2D)):
            undo.callback(replace_forward(block, _forward(block, backend, give_up), path))
    return undo.close


def _forward(block: nn.Module, backend: Backend, give_up: Callable[[Exception], None]) -> Callable[..., Any]:
    plain: Any = type(block).forward
    compiled = _compiled(MethodType(plain, block), backend)
    failures = _dynamo().exc.TorchDynamoException

    def forward(own: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(own, *args, **kwargs)
        try:
            return compiled(*args, **kwargs)
        except failures as error:
            give_up(error)
            return plain(own, *args, **kwargs)

    return forward


def is_too_old(version: str) -> bool:
    """Whether a torch of this version, as "2.1.2+cu121", cannot compile what is trained."""
    return tuple(map(int, version.split(".")[:2])) < LEAST_TORCH


def _refuse_old_torch() -> None:
    if is_too_old(torch.__version__):
        least = ".".join(map(str, LEAST_TORCH))
        raise RuntimeError(f"the one of torch {torch.__version__} is too old, it takes {least} or newer")


def _try(device: torch.device, backend: Backend) -> None:
    """Compile something small, and its backward pass."""

    def small(x: Tensor) -> Tensor:
        return (x * x).sin()

    shown = torch.ones(8, device=device, requires_grad=True)
    _compiled(small, backend)(shown).sum().backward()


def _compiled(function: Callable[..., Any], backend: Backend) -> Any:
    return cast("Any", torch).compile(function, backend=backend, dynamic=False)


def _limits() -> dict[str, int]:
    return {name: MOST_VERSIONS for name in LIMITS if hasattr(_dynamo().config, name)}


def _dynamo() -> Any:
    return import_module("torch._dynamo")  # takes seconds, so only a run that compiles imports it
