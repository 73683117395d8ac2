"""Where a layer is in Stable Diffusion 1 or SDXL, by its path; needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..family import LayerKind


def layer_kind(part: str, path: str) -> LayerKind | None:
    """Of a Linear or convolution layer; None for those of a text encoder that programs give no LoRA."""
    if part != "unet":
        return "attention" if ".self_attn." in path else "mlp" if ".mlp." in path else None
    if _in_attention(path):
        return "attention" if ".attn1." in path or ".attn2." in path else "mlp"
    return "convolutions" if is_in_convolutions(path) else "rest"


def is_in_convolutions(path: str) -> bool:
    """Whether a layer of the UNet is in a residual block, or makes images smaller or larger."""
    return any(f".{block}." in f".{path}" for block in ("resnets", "downsamplers", "upsamplers"))


def _in_attention(path: str) -> bool:
    return ".attentions." in f".{path}"
