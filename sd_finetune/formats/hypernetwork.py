"""Hypernetworks in the WebUI's own format: a `.pt` with two MLPs, for keys and for values, per context width.

    write_hypernetwork(path, hypernetwork, precision="fp16"), as torch's older pickle
    read_hypernetwork(path) -> HypernetworkFile(shape, pairs, name, step, checkpoint_hash, checkpoint_name, metadata)

The WebUI refuses the zip that newer versions of torch write, because it does not know everything in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import UserError
from ..reading.door import reader
from ..reading.plain import text, whole
from ..reading.safetensors_header import METADATA_KEY
from .hypernetwork_layout import HypernetworkShape, shape_and_pairs
from .tensor_file import (
    FILE_DTYPES,
    are_weights,
    converted,
    read_tensors,
    refuse_not_finite,
    write_legacy_pickle,
)

Pair = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
"""The MLP for the keys and the one for the values, as `linear.0.weight`, `linear.0.bias` ..."""


@dataclass(frozen=True)
class HypernetworkFile:
    """The content of a hypernetwork file."""

    shape: HypernetworkShape
    pairs: Mapping[int, Pair]
    """By context width."""
    name: str = ""
    step: int = 0
    checkpoint_hash: str = ""
    """The first ten digits of the SHA-256 of the checkpoint it was trained on."""
    checkpoint_name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Ours; the WebUI ignores it."""
    path: Path | None = None
    """Where it was read from."""

    @property
    def called(self) -> str:
        """Its name in messages."""
        return str(self.path or f"The hypernetwork {self.name}")


def write_hypernetwork(path: Path, hypernetwork: HypernetworkFile, precision: str = "fp16") -> None:
    """Write a hypernetwork whose weights are stored as `precision` ("fp16" | "bf16" | "fp32"; the WebUI uses fp32).

    Raises:
        UserError: there is no space left, or a value is not finite in that precision.
    """
    dtype = FILE_DTYPES[precision]
    content: dict[int | str, Any] = {
        width: tuple({n: converted(path, t, dtype) for n, t in mlp.items()} for mlp in pair)
        for width, pair in hypernetwork.pairs.items()
    }
    write_legacy_pickle(path, {**content, **_facts(hypernetwork)})


def _facts(hypernetwork: HypernetworkFile) -> dict[str, Any]:
    shape = hypernetwork.shape
    return {
        "step": hypernetwork.step,
        "name": hypernetwork.name,
        "layer_structure": list(shape.layer_structure),
        "activation_func": shape.activation,
        "is_layer_norm": shape.layer_norm,
        "weight_initialization": shape.initialization,
        "sd_checkpoint": hypernetwork.checkpoint_hash or None,
        "sd_checkpoint_name": hypernetwork.checkpoint_name or None,
        "activate_output": shape.activate_output,
        "use_dropout": any(shape.dropout_structure),
        "dropout_structure": list(shape.dropout_structure),
        "last_layer_dropout": shape.dropout_structure[-2] != 0,
        "optional_info": None,
        METADATA_KEY: dict(hypernetwork.metadata),
    }


@reader
def read_hypernetwork(path: Path) -> HypernetworkFile:
    """A hypernetwork of ours or of any version of the WebUI.

    Raises:
        UserError: the file is missing or damaged, has more than tensors, is not a hypernetwork, or has
            an impossible structure.
    """
    file = read_tensors(path)
    content = file.content
    try:
        shape, pairs = shape_and_pairs(content, are_tensors)
    except ValueError as error:
        raise UserError(f"{path} {error}: choose another file.") from error
    refuse_not_finite(path, (tensor for pair in pairs.values() for mlp in pair for tensor in mlp.values()))
    return HypernetworkFile(
        shape=shape,
        pairs=pairs,
        name=text(content.get("name")) or path.stem,
        step=whole(content.get("step")) or 0,
        checkpoint_hash=text(content.get("sd_checkpoint")),
        checkpoint_name=text(content.get("sd_checkpoint_name")),
        metadata=file.metadata,
        path=path,
    )


def are_tensors(values: Iterable[Any]) -> bool:
    """Whether all of these values out of a file are tensors of weights."""
    listed = list(values)
    return all(isinstance(value, Tensor) for value in listed) and are_weights(listed)
