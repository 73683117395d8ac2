"""LoRA layers on a base checkpoint: which the settings choose, and those of a file that training continues from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ...errors import UserError
from ...families.completeness import usual_layer_name
from ...families.lora_layers import LayerAt
from ...reading.door import reader
from ...reading.layout import Layout, StoredTensor, are_stored_weights
from ...reading.read_layout import read_layout
from ...settings.algorithms import (
    ALGORITHMS,
    ALPHA_ENDING,
    DORA_ENDING,
    Matrix,
    algorithm_with,
    has_size_for_each_input,
)
from ...settings.blocks import beginning_of, block_values
from ...settings.lora_ranks import LayerRanks
from ...settings.options import Settings
from ..lora_names import NO_WEIGHTS, broken_layer, named_layers, several_alphas
from ..peft_alphas import peft_alphas
from .target import Target


def choice_faults(settings: Settings, target: Target) -> Iterator[tuple[str, str]]:
    """Where blocks of the settings are none of the model's, or no layer is left to be trained: option and sentence."""
    for name in ("block_ranks", "block_rates"):
        unused = block_values(getattr(settings.lora, name))
        for layer in target.layers:
            unused = {own: v for own, v in unused.items() if not beginning_of(layer.part, layer.path, {own: v})}
        if unused:
            yield (
                f"lora.{name}",
                f"lora.{name} names {', '.join(unused)}, which no layer of this checkpoint begins with: use beginnings "
                'like "down_blocks.1", "mid_block" or "text_encoder".',
            )
    if not any(target.trained_layers(settings)):
        option = "lora.pattern" if settings.lora.targets == "pattern" else "lora.block_ranks"
        yield (
            option,
            "lora.targets, lora.pattern and lora.block_ranks leave no layer to train: change one of them.",
        )


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a file. sizes: the shape of DoRA's sizes, which are of outputs for PEFT; None without them."""

    algorithm: str
    matrices: Mapping[str, Matrix]
    sizes: tuple[int, ...] | None

    @property
    def rank(self) -> int:
        return ALGORITHMS[self.algorithm].rank_of(self.matrices)


@reader
def refuse_other_lora(path: Path, settings: Settings, target: Target) -> None:
    """Raise UserError unless training can continue from a LoRA file.

    It is damaged or not a LoRA, is of another algorithm, or has layers that are not trained here, of a higher rank or
    of another size; or alphas that are not read.
    """
    layers = {
        usual_layer_name(target.family.name, target.architecture, name): layer
        for name, layer in _stored_layers(path, read_layout(path)).items()
    }
    called, trained = (
        f"base.continue_from = {path}",
        {target.name_of(layer): (layer, rank) for layer, rank in target.trained_layers(settings)},
    )
    _refuse_unknown([name for name in layers if name not in trained], called, target)
    for name, layer in layers.items():
        own, rank = trained[name]
        _refuse_other_kind(layer, settings, called)
        _refuse_higher_rank(layer, own, rank, settings, called)
        _refuse_other_size(name, layer, own, rank, settings, called)


def _stored_layers(path: Path, layout: Layout) -> dict[str, StoredLayer]:
    found: dict[str, StoredLayer] = {}
    named = named_layers(path, layout.tensors)
    layers = {
        name: {ending: layout.tensors[own] for ending, own in names.items()} for name, names in named.layers.items()
    }
    peft_alphas(path, layout.metadata, named.foreign, layers)  # for what it refuses
    for name, tensors in layers.items():
        alpha = tensors.pop(ALPHA_ENDING, None)
        if alpha is not None and alpha.elements != 1:
            raise several_alphas(path, name, alpha.elements)
        algorithm = algorithm_with(tensors)
        if algorithm is None or not are_stored_weights(tensors.values()):
            raise broken_layer(path, name, NO_WEIGHTS)
        sizes = tensors.pop(DORA_ENDING, None)
        by_output = named.is_by_output(name, DORA_ENDING)
        shape = None if sizes is None else (sizes.elements, 1) if by_output else sizes.shape
        found[name] = StoredLayer(algorithm, {ending: _matrix(own) for ending, own in tensors.items()}, shape)
    return found


def _matrix(tensor: StoredTensor) -> Matrix:
    rows = tensor.shape[0] if tensor.shape else 1
    return rows, prod(tensor.shape[1:])


def _refuse_unknown(unknown: list[str], called: str, target: Target) -> None:
    if unknown:
        family = target.family
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


def _refuse_other_kind(layer: StoredLayer, settings: Settings, called: str) -> None:
    own, asked = layer.algorithm, settings.lora.algorithm
    if own != asked:
        raise UserError(
            f'{called} is a {ALGORITHMS[own].title}, and lora.algorithm is "{asked}": set lora.algorithm = "{own}".'
        )
    if layer.sizes and not settings.lora.dora:
        raise UserError(f"{called} has weight decomposition (DoRA), and lora.dora is false: set lora.dora = true.")
    if layer.sizes and not has_size_for_each_input(layer.sizes):
        raise UserError(
            f"{called} has DoRA with a size for each output, and here each input has one, as AUTOMATIC1111's WebUI "
            "reads it: merge it into a checkpoint and train on that."
        )


def _refuse_higher_rank(layer: StoredLayer, own: LayerAt, asked: int, settings: Settings, called: str) -> None:
    facts = ALGORITHMS[layer.algorithm]
    trained = facts.rank_of(facts.matrices(own.size, settings.lora.form(asked)))
    if not trained or layer.rank <= trained:
        return
    option = LayerRanks(settings).option_of(own.part, own.path, own.kind)
    resize = ", or reduce the rank of the file with the command resize" if layer.algorithm == "lora" else ""
    if option == "lora.block_ranks":
        told = f'{option} = "{settings.lora.block_ranks}" gives {own.part}.{own.path} {trained}: give it {layer.rank}'
    else:
        told = f"{option} is {trained}: set {option} = {layer.rank}"
    raise UserError(f"{called} has layers of rank {layer.rank}, but {told} or more{resize}.")


def _refuse_other_size(name: str, layer: StoredLayer, own: LayerAt, rank: int, settings: Settings, called: str) -> None:
    facts = ALGORITHMS[layer.algorithm]
    fault = facts.misfit(layer.matrices, own.size, settings.lora.form(rank))
    if not fault and layer.sizes and prod(layer.sizes) != own.size.into:
        fault = f"has {DORA_ENDING} of size {layer.sizes}, and {(1, own.size.into)} is trained here"
    if fault:
        options = " and ".join(f"lora.{option}" for option in ("rank", *facts.shape_options))
        raise UserError(
            f"{called} does not fit, as its layer {name} {fault}: use one that was trained on this kind of checkpoint, "
            f"and set {options} as it was trained with."
        )
