"""The layers that a LoRA for Stable Diffusion 1 or SDXL trains."""

from __future__ import annotations

from torch import nn

from ..family import TargetLayer, target_layers


def lora_targets(part: str, module: nn.Module) -> dict[str, TargetLayer]:
    """By path: all Linear layers and 1x1 convolutions of the UNet's attention blocks (192 in SD1.5, 722 in SDXL), or
    all Linear layers of the text encoder's attentions and MLPs (72 in CLIP-L).
    """
    chosen = _in_unet if part == "unet" else _in_text_encoder
    return {name: layer for name, layer in target_layers(module).items() if chosen(name) and _fits(layer)}


def _in_unet(path: str) -> bool:
    return ".attentions." in f".{path}"


def _in_text_encoder(path: str) -> bool:
    return ".self_attn." in path or ".mlp." in path


def _fits(layer: TargetLayer) -> bool:
    return isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
