"""LoRA files in kohya's and LyCORIS's layout, which the WebUI's Lora cards and kohya's scripts read.

LoraModule(down, up, alpha), and the like of other algorithms (`low_rank`)
write_lora(path, layers, metadata, precision="fp16", words={}), layers {layer name: of a file or in training}
read_lora(path) -> ({layer name: StoredChange}, metadata), also with diffusers' or PEFT's names

A layer's name ("lora_unet_...", "lora_te_...") is the family's: `Family.lora_name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..low_rank.dora import StoredChange
from ..low_rank.lora import LoraModule
from ..low_rank.table import read_change
from ..reading.door import reader
from ..settings.algorithms import ALPHA_ENDING, DORA_ENDING
from .bundled_words import Words, word_tensors
from .hashes import kohya_hashes
from .lora_names import NO_WEIGHTS, broken_layer, named_layers, several_alphas
from .peft_alphas import peft_alphas
from .tensor_file import (
    FILE_DTYPES,
    TensorFile,
    are_weights,
    converted,
    read_tensors,
    refuse_not_finite,
    write_tensors,
)

__all__ = ["LoraModule", "StoredChange", "StoredLayer", "read_lora", "write_lora"]


class StoredLayer(Protocol):
    """A layer that can be written into a LoRA file: a `StoredChange`, or a layer that is being trained."""

    @property
    def alpha(self) -> float: ...

    def file_tensors(self) -> dict[str, Tensor]:
        """The tensors by what follows the layer's name, without alpha."""
        ...


def write_lora(
    path: Path,
    layers: Mapping[str, StoredLayer],
    metadata: Mapping[str, str],
    precision: str = "fp16",
    words: Words | None = None,
) -> None:
    """Write a LoRA whose weights are stored as `precision` ("fp16" | "bf16" | "fp32"); hashes join the metadata.

    layers: by layer name, as `Family.lora_name` gives it. DoRA's sizes are stored in float32, since each of them is a
    factor of the whole weight. words: new words that go into the file.

    Raises:
        UserError: there is no space left, or a value is not finite in that precision.
    """
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        for ending, tensor in layer.file_tensors().items():
            dtype = torch.float32 if ending == DORA_ENDING else FILE_DTYPES[precision]
            tensors[f"{name}.{ending}"] = converted(path, tensor, dtype)
        tensors[f"{name}.{ALPHA_ENDING}"] = _exact(layer.alpha, FILE_DTYPES[precision])
    tensors |= word_tensors(path, words or {}, FILE_DTYPES[precision])
    write_tensors(path, tensors, {**metadata, **kohya_hashes(tensors, metadata)})


def _exact(alpha: float, dtype: torch.dtype) -> Tensor:
    """Alpha as a tensor without dimensions: in the file's precision, or in float32 where that would round it."""
    rounded = torch.tensor(alpha, dtype=dtype)
    return rounded if rounded.item() == alpha else torch.tensor(alpha, dtype=torch.float32)


@reader
def read_lora(path: Path) -> tuple[dict[str, StoredChange], dict[str, str]]:
    """The layers of a LoRA by kohya's names, in the file's precision, and the file's metadata.

    New words in the file are read by `read_bundled`. A layer without alpha has scale 1, so its alpha is its rank.

    Raises:
        UserError: the file is missing or damaged, is not a LoRA, or has layers of other kinds too.
    """
    file = read_tensors(path)
    layers, told = _layers_of(path, file)
    modules: dict[str, StoredChange] = {}
    for name, tensors in layers.items():
        alpha = _alpha_of(path, name, tensors)
        try:
            module = read_change(tensors, told.get(name) if alpha is None else alpha)
            if module is None or not are_weights(tensors.values()):
                raise ValueError(NO_WEIGHTS)
        except ValueError as error:
            raise broken_layer(path, name, error) from error
        modules[name] = module
    refuse_not_finite(path, file.tensors.values())
    return modules, file.metadata


def _layers_of(path: Path, file: TensorFile) -> tuple[dict[str, dict[str, Tensor]], dict[str, float]]:
    """Each layer's tensors by their endings; and alphas that stand elsewhere, by layer."""
    named = named_layers(path, file.tensors)
    layers = {
        layer: {
            ending: file.tensors[name].flatten()[:, None] if named.is_by_output(layer, ending) else file.tensors[name]
            for ending, name in names.items()
        }
        for layer, names in named.layers.items()
    }
    return layers, peft_alphas(path, file.metadata, named.foreign, layers)


def _alpha_of(path: Path, name: str, tensors: dict[str, Tensor]) -> float | None:
    """The layer's alpha, which is taken out of its tensors."""
    alpha = tensors.pop(ALPHA_ENDING, None)
    if alpha is not None and alpha.numel() != 1:
        raise several_alphas(path, name, alpha.numel())
    return None if alpha is None else float(alpha)
