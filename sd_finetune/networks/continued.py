"""The values of a LoRA file in layers that are trained on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..families.family import DiffusionModel
from ..formats.lora import read_lora
from ..low_rank.dora import Decomposed, StoredChange
from ..low_rank.grown import grown
from ..low_rank.table import algorithm_of
from ..settings.algorithms import ALGORITHMS
from ..settings.options import Settings
from .adapter import AdapterLayer
from .decomposed import DecomposedLayer
from .lora_files import usual_names


def load_lora(layers: Mapping[str, AdapterLayer], path: Path, settings: Settings, model: DiffusionModel) -> None:
    """Initialize the layers, by their names in files, from a LoRA file; those that it lacks keep their values.

    Each gets the effect of the file's layer of the same or a lower rank, whatever the alpha of both.

    Raises:
        UserError: the file is not a LoRA, is of another algorithm, or has layers that are not trained here or of a
            higher rank.
    """
    modules = usual_names(read_lora(path)[0], model.family, model.architecture)
    called = f"base.continue_from = {path}"
    _refuse_unknown(modules, layers, called, model)
    for name, module in modules.items():
        _refuse_other_kind(module, settings, called)
        _refuse_higher_rank(module, layers[name].rank, settings, called)
        try:
            _load(layers[name], module)
        except ValueError as error:
            options = " and ".join(
                f"lora.{name}" for name in ("rank", *ALGORITHMS[settings.lora.algorithm].shape_options)
            )
            raise UserError(
                f"{called} does not fit, as its layer {name} {error}: use one that was trained on this kind of "
                f"checkpoint, and set {options} as it was trained with."
            ) from error


def _refuse_unknown(
    modules: Mapping[str, StoredChange], layers: Mapping[str, AdapterLayer], called: str, model: DiffusionModel
) -> None:
    family, unknown = model.family.facts, [name for name in modules if name not in layers]
    if unknown:
        of_text = unknown[0].startswith(tuple(family.lora_prefixes[part] for part in family.text_encoders))
        way_out = (
            "set train.train_text_encoder = true"
            if of_text
            else "use another LoRA, or set lora.conv_rank or lora.targets"
        )
        raise UserError(
            f"{called} does not fit this run, which does not train {len(unknown)} of its layers, such as "
            f"{unknown[0]}: {way_out}."
        )


def _refuse_other_kind(module: StoredChange, settings: Settings, called: str) -> None:
    own, asked = algorithm_of(module), settings.lora.algorithm
    if own != asked:
        raise UserError(
            f'{called} is a {ALGORITHMS[own].title}, and lora.algorithm is "{asked}": set lora.algorithm = "{own}".'
        )
    if isinstance(module, Decomposed) and not settings.lora.dora:
        raise UserError(f"{called} has weight decomposition (DoRA), and lora.dora is false: set lora.dora = true.")
    if isinstance(module, Decomposed) and not module.is_by_input:
        raise UserError(
            f"{called} has DoRA with a size for each output, and here each input has one, as AUTOMATIC1111's WebUI "
            "reads it: merge it into a checkpoint and train on that."
        )


def _refuse_higher_rank(module: StoredChange, own: int, settings: Settings, called: str) -> None:
    if own and module.rank > own:
        option = "lora.rank" if own == settings.lora.rank else "lora.conv_rank"
        resize = ", or reduce the rank of the file with the command resize" if algorithm_of(module) == "lora" else ""
        raise UserError(
            f"{called} has layers of rank {module.rank}, but {option} is {own}: set {option} = {module.rank} or "
            f"more{resize}."
        )


def _load(layer: AdapterLayer, module: StoredChange) -> None:
    change = module.change if isinstance(module, Decomposed) else module
    cast("Any", layer).fill(grown(change, layer.change()))
    if isinstance(layer, DecomposedLayer):
        layer.keep_sizes(module.magnitude if isinstance(module, Decomposed) else None)
