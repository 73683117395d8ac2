"""How attention is computed, by `train.attention`: diffusers' processors, set on every attention of UNet and VAE."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module, metadata
from inspect import signature
from typing import Any, cast

import torch
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor2_0,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)
from torch import Tensor, nn

from ...errors import UserError
from ...families.family import DiffusionModel
from ...settings.attention import FASTEST
from ...settings.availability import install_command, why_unavailable

BROKEN_FLASH_FOR_CPUS = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 2)
"""Of the torch that is there."""


class _WithMask:
    """Before a processor of diffusers: a mask stays in fp32 under autocast, and not all kernels take that.

    It has the parameters of diffusers' own, which are looked at.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """As diffusers calls it."""
        if attention_mask is not None:
            one = attention_mask.new_ones(1, 1)
            attention_mask = attention_mask.to((one @ one).dtype)
        plain = cast("Any", super())
        with _sound_kernels(hidden_states):
            return plain.__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb, *args, **kwargs)


cast("Any", _WithMask.__call__).__signature__ = signature(_WithMask.__call__)
"""diffusers looks at it in each call of each layer; found once, that takes a third of the time."""


class MaskedXFormers(_WithMask, XFormersAttnProcessor):
    """With xFormers."""


class MaskedTorch(_WithMask, AttnProcessor2_0):
    """With PyTorch's own kernels."""


class Sliced(SlicedAttnProcessor):
    """Some heads after the other. diffusers' own knows no `temb`, which the VAE gives it, and warns of each."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """As diffusers calls it."""
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask)


def _sound_kernels(states: Tensor) -> AbstractContextManager[Any]:
    """Without torch's flash attention on a CPU where that is broken.

    Its gradients in bf16 overwrite other memory: seen with torch 2.1.2, heads of 32 channels and two threads.
    """
    if not BROKEN_FLASH_FOR_CPUS or states.device.type != "cpu":
        return nullcontext()
    if states.dtype == torch.float32 and not torch.is_autocast_cpu_enabled():
        return nullcontext()
    kernels: Any = torch.backends.cuda
    return kernels.sdp_kernel(enable_flash=False, enable_mem_efficient=False, enable_math=True)


def attention_of(wanted: str, device: torch.device) -> str:
    """The attention to compute with on `device`: `wanted`, or the fastest that is there for "auto".

    Raises:
        UserError: it cannot be used here. xFormers is tried, as its kernels are built for one version of torch.
    """
    kind = FASTEST if wanted == "auto" else wanted
    unavailable = why_unavailable("train.attention", kind, device.type == "cuda")
    if unavailable:
        raise UserError(unavailable)
    if kind == "xformers":
        _refuse_broken_xformers(device)
    return kind


def set_attention(model: DiffusionModel, kind: str) -> None:
    """Have all attentions of UNet and VAE computed in this way; diffusers' own switches leave out some."""
    for module in (model.unet, model.vae):
        for attention in attentions_of(module):
            attention.set_processor(_processor(kind, attention.heads))


def attentions_of(module: nn.Module) -> list[Any]:
    """All attentions in a module of diffusers."""
    return [part for part in cast("Any", module).modules() if isinstance(part, Attention)]


def _processor(kind: str, heads: int) -> Any:
    if kind == "xformers":
        return MaskedXFormers()
    if kind == "sliced":
        return Sliced(max(heads // 2, 1))  # what diffusers means by slicing "auto"
    return MaskedTorch()


def _refuse_broken_xformers(device: torch.device) -> None:
    """Raise UserError where it cannot compute attention with its gradients."""
    try:
        small = torch.randn(1, 8, 16, device=device, requires_grad=True)
        cast("Any", import_module("xformers.ops")).memory_efficient_attention(small, small, small).sum().backward()
    except Exception as error:  # of import, of a kernel that is missing, of CUDA
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f'train.attention = "xformers" does not work here, as xformers {_version()} fails with torch '
            f'{torch.__version__} ({reason}): uninstall it and run {install_command("xformers")}, or set it to "auto".'
        ) from error


def _version() -> str:
    try:
        return metadata.version("xformers")
    except metadata.PackageNotFoundError:
        return "without a version"
