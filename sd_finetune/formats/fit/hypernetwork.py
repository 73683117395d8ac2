"""A hypernetwork on a base checkpoint: its context widths, and a file that training continues from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from ...errors import UserError
from ...reading.door import reader
from ...reading.layout import StoredTensor, are_stored_weights
from ...settings.groups.hypernetwork import ACTIVATIONS
from ...settings.layer_structure import numbers
from ...settings.options import Settings
from ..classify import layout_of
from ..hypernetwork_layout import HypernetworkShape, layer_contradiction, shape_and_pairs
from .target import Target


def shape_of(settings: Settings) -> HypernetworkShape:
    """The shape of the MLPs by the settings."""
    options = settings.hypernetwork
    structure = numbers(options.layer_structure)
    return HypernetworkShape(
        layer_structure=structure,
        activation=options.activation,
        layer_norm=options.layer_norm,
        dropout_structure=numbers(options.dropout_structure) or (0.0,) * len(structure),
        activate_output=options.activate_output,
        initialization=options.initialization,
    )


def chosen_widths(settings: Settings, known: Sequence[int]) -> list[int]:
    """The context widths that get layers: those of the setting, or all of the checkpoint's, `known`."""
    return list(dict.fromkeys(int(width) for width in numbers(settings.hypernetwork.sizes))) or list(known)


def width_faults(settings: Settings, target: Target) -> Iterator[tuple[str, str]]:
    """Where the settings ask for a width that the checkpoint does not have: option and sentence."""
    known = target.context_widths()
    missing = [width for width in chosen_widths(settings, known) if width not in known]
    if missing:
        yield (
            "hypernetwork.sizes",
            f'hypernetwork.sizes = "{settings.hypernetwork.sizes}" has the width {missing[0]}, but the contexts of '
            f"this checkpoint have {_listed(known)}: choose from these, or leave it empty for all.",
        )


def fitting_widths(called: str, shape: HypernetworkShape, widths: Iterable[int], known: Sequence[int]) -> list[int]:
    """Those of a file's context widths that a checkpoint has.

    Raises:
        UserError: it has none of them, or the activation is not supported. called: the file in messages.
    """
    if shape.activation not in ACTIVATIONS:
        raise UserError(
            f"{called} has the activation {shape.activation}, which is not supported (it is unknown, changes "
            f"the width or mixes images): use one with {', '.join(ACTIVATIONS)}."
        )
    there = list(widths)
    found = [width for width in there if width in known]
    if not found:
        raise UserError(
            f"{called} is for contexts of width {_listed(there)}, but this checkpoint has {_listed(known)}: use one "
            "that was trained on this kind of checkpoint."
        )
    return found


@reader
def refuse_other_hypernetwork(path: Path, settings: Settings, target: Target) -> None:
    """Raise UserError unless training can continue from a hypernetwork file.

    It is no such file, for another kind of checkpoint, or of another shape or other widths than in the settings.
    """
    called, known = f"base.continue_from = {path}", target.context_widths()
    try:
        shape, pairs = shape_and_pairs(layout_of(path).content, _are_weights)
    except ValueError as error:
        raise UserError(f"{path} {error}: choose another file.") from error
    widths = fitting_widths(str(path), shape, pairs, known)
    unused = [width for width in pairs if width not in widths]
    if unused:
        raise UserError(
            f"{called} has layers for width {unused[0]}, but the contexts of this checkpoint have {_listed(known)}: "
            "choose one that was trained on this kind of checkpoint."
        )
    for width in widths:
        for contradiction in (layer_contradiction(shape, width, mlp) for mlp in pairs[width]):
            if contradiction:
                raise UserError(f"{path} {contradiction}")
    wanted, found = shape_of(settings), replace(shape, initialization=settings.hypernetwork.initialization)
    other = {name: value for name, value in asdict(found).items() if value != asdict(wanted)[name]}
    if set(widths) != set(chosen_widths(settings, known)):
        other["sizes"] = tuple(widths)
    if other:
        way_out = " and ".join(f"hypernetwork.{name} = {_as_written(value)}" for name, value in other.items())
        raise UserError(f"{called} does not have the shape of the settings: set {way_out}.")


def _are_weights(values: Iterable[Any]) -> bool:
    listed = list(values)
    return all(isinstance(value, StoredTensor) for value in listed) and are_stored_weights(listed)


def _as_written(value: Any) -> str:
    """A value in TOML, where lists of numbers are texts."""
    if isinstance(value, tuple):
        listed = cast("tuple[float, ...]", value)
        return f'"{", ".join(str(int(number) if number == int(number) else number) for number in listed)}"'
    return json.dumps(value)


def _listed(widths: Iterable[int]) -> str:
    return ", ".join(map(str, widths))
