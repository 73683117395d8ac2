"""The layers that a LoRA for Stable Diffusion 1 or SDXL trains."""

from __future__ import annotations

from torch import nn

from ..family import TargetLayer, target_layers
from .layer_kinds import layer_kind


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


def _fits(layer: TargetLayer) -> bool:
    return isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
