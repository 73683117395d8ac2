"""LoRA files in kohya's layout, which the WebUI's Lora cards, kohya's scripts and diffusers read.

LoraModule(down, up, alpha)
write_lora(path, layers, metadata, precision="fp16"), layers {layer name: LoraModule or a layer in training}
read_lora(path) -> ({layer name: LoraModule}, metadata)

A layer's name ("lora_unet_...", "lora_te_...") is the family's: `Family.lora_name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..errors import UserError
from ..reading.door import reader
from .hashes import kohya_hashes
from .tensor_file import FILE_DTYPES, are_weights, converted, read_tensors, refuse_not_finite, write_tensors
from .use import CONVERT_LORA, lora_layout

ENDINGS = (".lora_down.weight", ".lora_up.weight", ".alpha")
"""Of a layer's tensors."""


@dataclass(frozen=True)
class LoraModule:
    """The low-rank change of one layer, W = W0 + (alpha / rank) * up @ down (arXiv 2106.09685, section 4.1)."""

    down: Tensor
    """(rank, in) beside a linear layer, (rank, in, height, width) beside a convolution."""
    up: Tensor
    """(out, rank), or (out, rank, 1, 1)."""
    alpha: float

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    def file_tensors(self) -> dict[str, Tensor]:
        """Both tensors by what follows the layer's name in a file."""
        return {"lora_down.weight": self.down.detach(), "lora_up.weight": self.up.detach()}


class StoredLayer(Protocol):
    """A layer that can be written into a LoRA file: a `LoraModule`, or a layer that is being trained."""

    @property
    def alpha(self) -> float: ...

    def file_tensors(self) -> dict[str, Tensor]:
        """The tensors by what follows the layer's name, without alpha."""
        ...


def write_lora(
    path: Path, layers: Mapping[str, StoredLayer], metadata: Mapping[str, str], precision: str = "fp16"
) -> None:
    """Write a LoRA whose weights are stored as `precision` ("fp16" | "bf16" | "fp32"); hashes join the metadata.

    layers: by layer name, as `Family.lora_name` gives it.

    Raises:
        UserError: there is no space left, or a value is not finite in that precision.
    """
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        for ending, tensor in layer.file_tensors().items():
            tensors[f"{name}.{ending}"] = converted(path, tensor, FILE_DTYPES[precision])
        tensors[f"{name}.alpha"] = _exact(layer.alpha, FILE_DTYPES[precision])
    write_tensors(path, tensors, {**metadata, **kohya_hashes(tensors, metadata)})


def _exact(alpha: float, dtype: torch.dtype) -> Tensor:
    """Alpha as a tensor without dimensions: in the file's precision, or in float32 where that would round it."""
    rounded = torch.tensor(alpha, dtype=dtype)
    return rounded if rounded.item() == alpha else torch.tensor(alpha, dtype=torch.float32)


@reader
def read_lora(path: Path) -> tuple[dict[str, LoraModule], dict[str, str]]:
    """The layers of a LoRA by name, in the file's precision, and the file's metadata.

    A layer without alpha has scale 1, so its alpha is its rank.

    Raises:
        UserError: the file is missing or damaged, is not a LoRA in kohya's layout, or has layers of other kinds too.
    """
    file = read_tensors(path)
    names = [name.removesuffix(".lora_down.weight") for name in file.tensors if name.endswith(".lora_down.weight")]
    if not names or any(f"{name}.lora_up.weight" not in file.tensors for name in names):
        found = (
            f"it has diffusers' names: {CONVERT_LORA}" if lora_layout(file.tensors) == "diffusers" else "choose another"
        )
        raise UserError(f"{path} is not a LoRA in kohya's layout (lora_down and lora_up layers): {found}.")
    known = {name + ending for name in names for ending in ENDINGS}
    other = [name for name in file.tensors if name not in known]
    if other:
        raise UserError(
            f"{path} is a LoRA of a kind that is not supported, with tensors like {other[0]}: choose one with "
            "lora_down, lora_up and alpha only."
        )
    alphas = {name: file.tensors[f"{name}.alpha"] for name in names if f"{name}.alpha" in file.tensors}
    for name, alpha in alphas.items():
        if alpha.numel() != 1:
            raise UserError(
                f"{path} has {alpha.numel()} values as {name}.alpha instead of one: copy or download it again."
            )
    for name in names:
        down, up = (file.tensors[f"{name}.{half}.weight"] for half in ("lora_down", "lora_up"))
        if min(down.ndim, up.ndim) < 2 or not are_weights((down, up)) or up.flatten(1).shape[1] != len(down):
            sizes = f"{tuple(down.shape)} and {tuple(up.shape)}"
            raise UserError(
                f"{path} has a layer {name} whose lora_down and lora_up, of sizes {sizes}, differ in rank: "
                "copy or download the file again, or choose another."
            )
    refuse_not_finite(path, file.tensors.values())
    return {name: _module(file.tensors, name) for name in names}, file.metadata


def _module(tensors: Mapping[str, Tensor], name: str) -> LoraModule:
    down = tensors[f"{name}.lora_down.weight"]
    alpha = tensors.get(f"{name}.alpha")
    return LoraModule(down, tensors[f"{name}.lora_up.weight"], down.shape[0] if alpha is None else float(alpha))
