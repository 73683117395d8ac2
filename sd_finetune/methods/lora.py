"""LoRA: low-rank layers beside those of the attention blocks, and optionally of the text encoders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.lora import LoraModule, read_lora, write_lora
from ..networks.adapter import AdapterNetwork
from ..networks.algorithms import ALGORITHMS
from ..networks.attachable import all_detached
from ..networks.lora import Dropout, LoraLayer
from ..networks.lora_files import fitted, usual_names
from ..optimizers.parameter_group import ParameterGroup
from ..settings.options import Settings
from .method import Method, copy_into, learning_rate_of, trained_parts, weight_format


class LoraMethod(Method):
    """Trains an `AdapterNetwork` for the UNet and optionally one for each text encoder; the model itself is frozen."""

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings, self.base = settings, base
        generator = torch.Generator().manual_seed(settings.train.seed)
        self._adapters = {
            part: _new_network(part, model, settings, generator) for part in trained_parts(model, settings)
        }
        if settings.base.continue_from:
            _load_file(self._named_layers(), Path(settings.base.continue_from), settings.lora.rank, model)
        for network in self._adapters.values():
            for _, layer in network.named_layers():
                cast("LoraLayer", layer).dropout = _dropout(settings)
            network.to(model.unet.device, weight_format(settings))
            network.attach()
        self.networks: Mapping[str, nn.Module] = self._adapters

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        if settings.base.continue_from:
            cls(model, settings, base).detach()

    @classmethod
    def ending(cls, settings: Settings) -> str:
        return ".safetensors"

    def parameter_groups(self) -> list[ParameterGroup]:
        return [group for part, network in self._adapters.items() for group in self._groups(part, network)]

    def _groups(self, part: str, network: AdapterNetwork) -> Iterator[ParameterGroup]:
        """One, or with another rate for `up` two (LoRA+, arXiv 2402.12354, section 4)."""
        rate, ratio = learning_rate_of(part, self.settings), self.settings.lora.plus_ratio
        if ratio == 1:
            yield ParameterGroup(part, list(network.parameters()), rate)
            return
        layers = [cast("LoraLayer", layer) for _, layer in network.named_layers()]
        downs, ups = zip(*(layer.parameters() for layer in layers), strict=True)
        yield ParameterGroup(part, list(downs), rate)
        yield ParameterGroup(f"{part} lora_up", list(ups), rate * ratio)

    def trained_tensors(self) -> dict[str, Tensor]:
        return {
            f"{part}.{path}.{name}": value
            for part, network in self._adapters.items()
            for path, layer in network.named_layers()
            for name, value in layer.trained().items()
        }

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        write_lora(path, self._named_layers(), metadata, precision)

    def _named_layers(self) -> dict[str, Any]:
        """The layers by their names in the file."""
        family, architecture = self.base.family, self.base.architecture
        return {
            family.lora_name(architecture, part, name): layer
            for part, network in self._adapters.items()
            for name, layer in network.named_layers()
        }

    def detach(self) -> None:
        for network in self._adapters.values():
            network.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return all_detached(self._adapters.values())


def _new_network(part: str, model: DiffusionModel, settings: Settings, generator: torch.Generator) -> AdapterNetwork:
    """Layers with random initial values: beside the attention blocks, and with a rank of their own beside the rest."""
    module, conv_rank = model.module(part), settings.lora.conv_rank
    usual = model.family.lora_targets(part, module)
    targets = model.family.lora_targets(part, module, convolutions=True) if conv_rank else usual
    size, of_others = (settings.lora.rank, settings.lora_alpha()), (conv_rank, settings.lora_conv_alpha())
    make = ALGORITHMS["lora"].make
    sizes = {path: size if path in usual else of_others for path in targets}
    return AdapterNetwork(targets, {path: make(targets[path], *own, generator) for path, own in sizes.items()})


def _dropout(settings: Settings) -> Dropout:
    options = settings.lora
    return Dropout(options.dropout, options.rank_dropout, options.module_dropout)


def _load_file(layers: Mapping[str, LoraLayer], path: Path, rank: int, model: DiffusionModel) -> None:
    """Initialize the layers from a LoRA file; those that it does not have keep their initial values.

    Raises:
        UserError: the file is not a LoRA, or has layers that are not trained here or of a higher rank.
    """
    family, modules = model.family.facts, usual_names(read_lora(path)[0], model.family, model.architecture)
    unknown = [name for name in modules if name not in layers]
    if unknown:
        of_text = unknown[0].startswith(tuple(family.lora_prefixes[part] for part in family.text_encoders))
        way_out = "set train.train_text_encoder = true" if of_text else "use another LoRA, or set lora.conv_rank"
        raise UserError(
            f"base.continue_from = {path} does not fit this run, which does not train {len(unknown)} of its layers, "
            f"such as {unknown[0]}: {way_out}."
        )
    for name, module in modules.items():
        own = layers[name].rank
        if module.rank > own:
            option = "lora.rank" if own == rank else "lora.conv_rank"
            raise UserError(
                f"base.continue_from = {path} has layers of rank {module.rank}, but {option} is {own}: set {option} = "
                f"{module.rank} or more, or reduce the rank of the file with the command resize."
            )
        _load_layer(name, layers[name], module, f"base.continue_from = {path}")


@torch.no_grad()
def _load_layer(name: str, layer: LoraLayer, module: LoraModule, called: str) -> None:
    """Give the layer the effect of a file's layer of the same or a lower rank, whatever the alpha of both.

    Ranks beyond the file's keep their initial values: `down` random, `up` zero.
    """
    down, up = layer.down.weight[: module.rank], layer.up.weight[:, : module.rank]
    share = (module.alpha / module.rank) / (layer.alpha / layer.down.weight.shape[0])
    down.copy_(fitted(name, module.down.float(), down.shape, called))
    up.copy_(fitted(name, module.up.float(), up.shape, called) * share)
