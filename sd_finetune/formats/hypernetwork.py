"""Hypernetworks in the WebUI's own format: a `.pt` with two MLPs, for keys and for values, per context width.

    write_hypernetwork(path, hypernetwork, precision="fp16"), as torch's older pickle
    read_hypernetwork(path) -> HypernetworkFile(shape, pairs, name, step, checkpoint_hash, checkpoint_name, metadata)
    HypernetworkShape(layer_structure, activation, layer_norm, dropout_structure, activate_output, initialization)

The WebUI refuses the zip that newer versions of torch write, because it does not know everything in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ..errors import UserError
from ..reading.door import reader
from ..reading.plain import flag, numbers, shown, text, whole
from ..reading.safetensors_header import METADATA_KEY
from ..settings.layer_structure import is_dropout_structure, is_layer_structure
from .tensor_file import (
    FILE_DTYPES,
    are_weights,
    converted,
    read_tensors,
    refuse_not_finite,
    write_legacy_pickle,
)

OLDEST_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}
"""Layer names in the WebUI's first hypernetworks, and today's."""
DROPOUT_OF_FLAGS = 0.3
"""Of files that only say whether there is dropout."""
ACTIVATION_ALIASES = {"hardswish": "swish"}
"""The WebUI reads both and offers the second."""
NO_HYPERNETWORK = "is not a hypernetwork of the WebUI or SD Fine-Tune"

Pair = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
"""The MLP for the keys and the one for the values, as `linear.0.weight`, `linear.0.bias` ..."""


@dataclass(frozen=True)
class HypernetworkShape:
    """The layers of every MLP of a hypernetwork."""

    layer_structure: tuple[float, ...] = (1, 2, 1)
    """Widths as multiples of the context's; the first and the last are 1."""
    activation: str = "linear"
    """By the WebUI's name; "linear" means none."""
    layer_norm: bool = False
    dropout_structure: tuple[float, ...] = (0, 0, 0)
    """Dropout at each width of the layer structure; the first is not used."""
    activate_output: bool = False
    """Whether the last layer is activated too."""
    initialization: str = "Normal"


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
        shape, pairs = shape_and_pairs(content)
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


def shape_and_pairs(content: Mapping[Any, Any]) -> tuple[HypernetworkShape, dict[int, Pair]]:
    """The structure and the MLPs in a file; what older files leave out is filled in as in the WebUI.

    Raises:
        ValueError: it is not a hypernetwork, or has an impossible structure; the message says what it "is" or "has".
    """
    pairs = {key: _pair(pair) for key, pair in content.items() if type(key) is int}
    if not pairs:
        raise ValueError(NO_HYPERNETWORK)
    structure = numbers(content.get("layer_structure", [1, 2, 1]))
    if not is_layer_structure(structure):
        found = shown(content.get("layer_structure"))
        raise ValueError(f"has the layer structure {found}, which is not a list of widths from 1 to 1")
    given = content.get("dropout_structure")
    dropout = numbers(given) if given is not None and given != [] else _dropout_of_flags(content, len(structure))
    dropout = (0.0, *dropout[1 : len(structure)])
    if not is_dropout_structure(dropout, structure):
        raise ValueError(f"has the dropout structure {shown(given)}, which does not fit its {len(structure)} widths")
    activation = text(content.get("activation_func")) or "linear"
    shape = HypernetworkShape(
        layer_structure=structure,
        activation=ACTIVATION_ALIASES.get(activation, activation),
        layer_norm=flag(content.get("is_layer_norm"), False),
        dropout_structure=dropout,
        activate_output=flag(content.get("activate_output"), True),  # before files had it, every layer was activated
        initialization=text(content.get("weight_initialization")) or "Normal",
    )
    return shape, pairs


def _pair(pair: Any) -> Pair:
    """The MLPs for keys and for values, their layers under the newer names."""
    mlps = cast("Sequence[Any]", pair) if isinstance(pair, (tuple, list)) else ()
    if len(mlps) != 2 or not all(_is_tensors(mlp) for mlp in mlps):
        raise ValueError(NO_HYPERNETWORK)
    for_keys, for_values = ({_newer_name(name): tensor for name, tensor in mlp.items()} for mlp in mlps)
    return for_keys, for_values


def _is_tensors(mlp: Any) -> bool:
    if not isinstance(mlp, dict):
        return False
    named = cast("dict[Any, Any]", mlp)
    are_named = all(isinstance(name, str) and isinstance(value, Tensor) for name, value in named.items())
    return are_named and are_weights(named.values())


def _newer_name(name: str) -> str:
    layer, _, rest = name.partition(".")
    return f"{OLDEST_NAMES[layer]}.{rest}" if layer in OLDEST_NAMES else name


def _dropout_of_flags(content: Mapping[Any, Any], count: int) -> tuple[float, ...]:
    """The dropout of a file with flags only: none after the last layer, after the one before it only if flagged."""
    if not flag(content.get("use_dropout"), False):
        return (0.0,) * count
    before_last = DROPOUT_OF_FLAGS if flag(content.get("last_layer_dropout"), False) else 0.0
    return (0.0, *[DROPOUT_OF_FLAGS] * (count - 3), before_last, 0.0)
