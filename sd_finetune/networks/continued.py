"""The values of a LoRA file in layers that are trained on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..families.family import DiffusionModel
from ..formats.lora import read_lora
from ..low_rank.dora import Decomposed, StoredChange
from ..low_rank.grown import grown
from .adapter import AdapterLayer
from .decomposed import DecomposedLayer
from .lora_files import usual_names


def load_lora(layers: Mapping[str, AdapterLayer], path: Path, model: DiffusionModel) -> None:
    """Initialize the layers, by their names in files, from a LoRA file; those that it lacks keep their values.

    Each gets the effect of the file's layer of the same or a lower rank, whatever the alpha of both. What does not fit
    is refused before, by `formats.fit.lora.refuse_other_lora`.

    Raises:
        UserError: the file has values that are not finite, or alphas that cannot be read.
    """
    for name, module in usual_names(read_lora(path)[0], model.family, model.architecture).items():
        _load(layers[name], module)


def _load(layer: AdapterLayer, module: StoredChange) -> None:
    change = module.change if isinstance(module, Decomposed) else module
    cast("Any", layer).fill(grown(change, layer.change()))
    if isinstance(layer, DecomposedLayer):
        layer.keep_sizes(module.magnitude if isinstance(module, Decomposed) else None)
