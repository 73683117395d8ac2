"""A stand-in for the package xformers, which needs a CUDA GPU: the same function, computed by torch and counted."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import diffusers.models.attention_processor
import pytest
import torch
from torch import Tensor

from sd_finetune.settings.attention import ATTENTIONS


class Counted:
    """`xformers.ops.memory_efficient_attention` for (batch * heads, tokens, width), as diffusers calls it."""

    def __init__(self) -> None:
        self.widths: list[int] = []
        """Of each call, in order."""
        self.masked = 0
        """Calls in which some keys are hidden."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, attn_bias: Any = None, op: Any = None, scale: Any = None
    ) -> Tensor:
        assert query.is_contiguous()
        assert op is None
        if attn_bias is not None:  # as its kernels insist
            assert attn_bias.shape == (*query.shape[:2], key.shape[1])
            assert (attn_bias.dtype, attn_bias.shape[2] % 8, attn_bias.stride(1) % 8) == (query.dtype, 0, 0)
            self.masked += 1
        self.widths.append(query.shape[-1])
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_bias, scale=scale)


def stand_in_for_xformers(patch: pytest.MonkeyPatch) -> Counted:
    """xformers is installed and works without a GPU."""
    package, ops, counted = ModuleType("xformers"), ModuleType("xformers.ops"), Counted()
    package.__spec__ = ModuleSpec("xformers", None)
    package.ops, ops.memory_efficient_attention = ops, counted  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "xformers", package)
    patch.setitem(sys.modules, "xformers.ops", ops)
    patch.setattr(diffusers.models.attention_processor, "xformers", package)
    patch.setitem(ATTENTIONS, "xformers", replace(ATTENTIONS["xformers"], needs_gpu=False))
    return counted
