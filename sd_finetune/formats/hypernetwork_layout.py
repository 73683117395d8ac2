"""The structure of a hypernetwork in a file, by its content with or without the tensors; needs no torch.

shape_and_pairs(content, are_weights) -> HypernetworkShape, and the two MLPs for each context width
layer_contradiction(shape, width, tensors) -> what of an MLP does not have that structure
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from ..reading.plain import flag, numbers, shown, text
from ..settings.layer_structure import is_dropout_structure, is_layer_structure

OLDEST_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}
"""Layer names in the WebUI's first hypernetworks, and today's."""
DROPOUT_OF_FLAGS = 0.3
"""Of files that only say whether there is dropout."""
ACTIVATION_ALIASES = {"hardswish": "swish"}
"""The WebUI reads both and offers the second."""
WITH_WEIGHT = ("prelu",)
"""Activations that learn something themselves."""
NO_HYPERNETWORK = "is not a hypernetwork of the WebUI or SD Fine-Tune"

Pair = tuple[Mapping[str, Any], Mapping[str, Any]]
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


def shape_and_pairs(
    content: Mapping[Any, Any], are_weights: Callable[[Iterable[Any]], bool]
) -> tuple[HypernetworkShape, dict[int, Pair]]:
    """The structure and the MLPs in a file; what older files leave out is filled in as in the WebUI.

    content: with tensors, or with what stands for them in a `Layout`. are_weights: whether values are such ones.

    Raises:
        ValueError: it is not a hypernetwork, or has an impossible structure; the message says what it "is" or "has".
    """
    pairs = {key: _pair(pair, are_weights) for key, pair in content.items() if type(key) is int}
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


def _pair(pair: Any, are_weights: Callable[[Iterable[Any]], bool]) -> Pair:
    """The MLPs for keys and for values, their layers under the newer names."""
    mlps = cast("Sequence[Any]", pair) if isinstance(pair, (tuple, list)) else ()
    if len(mlps) != 2 or not all(_is_named(mlp) and are_weights(mlp.values()) for mlp in mlps):
        raise ValueError(NO_HYPERNETWORK)
    for_keys, for_values = ({_newer_name(name): tensor for name, tensor in mlp.items()} for mlp in mlps)
    return for_keys, for_values


def _is_named(mlp: Any) -> bool:
    return isinstance(mlp, dict) and all(isinstance(name, str) for name in cast("dict[Any, Any]", mlp))


def _newer_name(name: str) -> str:
    layer, _, rest = name.partition(".")
    return f"{OLDEST_NAMES[layer]}.{rest}" if layer in OLDEST_NAMES else name


def _dropout_of_flags(content: Mapping[Any, Any], count: int) -> tuple[float, ...]:
    """The dropout of a file with flags only: none after the last layer, after the one before it only if flagged."""
    if not flag(content.get("use_dropout"), False):
        return (0.0,) * count
    before_last = DROPOUT_OF_FLAGS if flag(content.get("last_layer_dropout"), False) else 0.0
    return (0.0, *[DROPOUT_OF_FLAGS] * (count - 3), before_last, 0.0)


def layer_contradiction(shape: HypernetworkShape, width: int, tensors: Mapping[str, Any]) -> str:
    """The rest of a sentence about an MLP whose tensors are not those of its structure; "" where they are.

    tensors: each with a `shape`. width: of the context.
    """
    wanted = layer_shapes(shape, width)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if not different:
        return ""
    return (
        f"has layers for width {width} that contradict its layer structure ({different[0]} differs): use another file."
    )


def layer_shapes(shape: HypernetworkShape, width: int) -> dict[str, tuple[int, ...]]:
    """By name, those of an MLP's tensors; layers without any count in the names, too."""
    widths = [int(width * multiple) for multiple in shape.layer_structure]
    found: dict[str, tuple[int, ...]] = {}
    place = 0
    for number, (inner, outer) in enumerate(pairwise(widths), start=1):
        found |= {f"linear.{place}.weight": (outer, inner), f"linear.{place}.bias": (outer,)}
        place += 1
        if shape.activation != "linear" and (number < len(widths) - 1 or shape.activate_output):
            found |= {f"linear.{place}.weight": (1,)} if shape.activation in WITH_WEIGHT else {}
            place += 1
        if shape.layer_norm:
            found |= {f"linear.{place}.weight": (outer,), f"linear.{place}.bias": (outer,)}
            place += 1
        place += shape.dropout_structure[number] > 0
    return found
