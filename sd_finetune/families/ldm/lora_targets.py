"""The layers that a LoRA for Stable Diffusion 1 or SDXL trains."""

from __future__ import annotations

from torch import nn

from ..family import LayerKind, TargetLayer, target_layers


def layer_kind(part: str, path: str) -> LayerKind | None:
    """Of a Linear or convolution layer; None for those of a text encoder that programs give no LoRA."""
    if part != "unet":
        return "attention" if ".self_attn." in path else "mlp" if ".mlp." in path else None
    if _in_attention(path):
        return "attention" if ".attn1." in path or ".attn2." in path else "mlp"
    return "convolutions" if is_in_convolutions(path) else "rest"


def lora_targets(part: str, module: nn.Module, convolutions: bool = False) -> dict[str, TargetLayer]:
    """By path: all Linear layers and 1x1 convolutions of the UNet's attention blocks (192 in SD1.5, 722 in SDXL), or
    all Linear layers of the text encoder's attentions and MLPs (72 in CLIP-L).

    convolutions: also every layer of the UNet's residual blocks and samplers (86 in SD1.5, 66 in SDXL).
    """
    return {
        path: layer
        for path, layer in target_layers(module).items()
        if (layer_kind(part, path) in ("attention", "mlp") and _fits(layer))
        or (convolutions and layer_kind(part, path) == "convolutions")
    }


def is_in_convolutions(path: str) -> bool:
    """Whether a layer of the UNet is in a residual block, or makes images smaller or larger."""
    return any(f".{block}." in f".{path}" for block in ("resnets", "downsamplers", "upsamplers"))


def _in_attention(path: str) -> bool:
    return ".attentions." in f".{path}"


def _fits(layer: TargetLayer) -> bool:
    return isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
