"""LoRA: low-rank layers beside those of the attention blocks, and optionally of the text encoders, and new words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..formats.embedding import write_embedding
from ..formats.lora import write_lora
from ..networks.adapter import AdapterLayer, AdapterNetwork
from ..networks.attachable import AttachableNetwork, all_detached
from ..networks.continued import load_lora
from ..networks.max_norm import limit_norms
from ..networks.new_adapters import new_network
from ..optimizers.parameter_group import ParameterGroup
from ..settings.blocks import beginning_of, block_values
from ..settings.options import Settings
from .method import Method, copy_into, learning_rate_of, trained_parts, weight_format
from .words import TrainedWords, about_words, lost_words


class LoraMethod(Method):
    """Trains an `AdapterNetwork` for the UNet and optionally one for each text encoder; the model itself is frozen.

    With `lora.new_words` it trains `NewWords` beside them, which go into the file (pivotal tuning).
    """

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        self.settings, self.base = settings, base
        generator = torch.Generator().manual_seed(settings.train.seed)
        self._adapters = {
            part: new_network(part, model, settings, generator) for part in trained_parts(model, settings)
        }
        if settings.base.continue_from:
            load_lora(self._named_layers(), Path(settings.base.continue_from), model)
        for network in self._adapters.values():
            network.to(model.unet.device, weight_format(settings))
        self._words = TrainedWords(model, settings) if settings.has_words_beside() else None
        self.networks: Mapping[str, nn.Module] = _together(
            self._adapters, self._words.network.by_part if self._words else {}
        )
        for network in self._attached():
            network.attach()

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        if settings.base.continue_from:
            cls(model, settings, base).detach()
        elif settings.has_words_beside():
            TrainedWords(model, settings)

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """As `about_words`, and about words of an earlier run that are lost."""
        own = about_words(model, settings, examples) if settings.has_words_beside() else []
        return [*own, *lost_words(settings)]

    def parameter_groups(self) -> list[ParameterGroup]:
        groups = [group for part, network in self._adapters.items() for group in self._groups(part, network)]
        return [*groups, self._words.parameter_group()] if self._words else groups

    def _groups(self, part: str, network: AdapterNetwork) -> Iterator[ParameterGroup]:
        """One for each rate that blocks have, and of each two with another rate for `up` (LoRA+, arXiv 2402.12354,
        section 4).
        """
        rate, factors = learning_rate_of(part, self.settings), block_values(self.settings.lora.block_rates)
        by_factor: dict[float, list[tuple[str, Tensor]]] = {}
        for path, layer in network.named_layers():
            block = beginning_of(part, path, factors)
            by_factor.setdefault(factors[block] if block else 1, []).extend(layer.trained().items())
        for factor, named in by_factor.items():
            name = part if factor == 1 else f"{part} {factor:g}x"
            yield from self._with_rates(name, named, rate * factor)

    def _with_rates(self, name: str, named: Sequence[tuple[str, Tensor]], rate: float) -> Iterator[ParameterGroup]:
        ratio = self.settings.lora.plus_ratio
        apart = [value for own, value in named if own == "up" and ratio != 1]
        kept = {id(value) for value in apart}
        yield ParameterGroup(name, _parameters(value for _, value in named if id(value) not in kept), rate)
        if apart:
            yield ParameterGroup(f"{name} lora_up", _parameters(apart), rate * ratio)

    def after_step(self) -> None:
        most = self.settings.lora.max_norm
        for network in self._adapters.values() if most else ():
            limit_norms((layer for _, layer in network.named_layers()), most)

    def trained_tensors(self) -> dict[str, Tensor]:
        of_layers = {
            f"{part}.{path}.{name}": value
            for part, network in self._adapters.items()
            for path, layer in network.named_layers()
            for name, value in layer.trained().items()
        }
        return {**of_layers, **(self._words.trained_tensors() if self._words else {})}

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        words = self._words
        if words and number:  # behind the LoRA, which is the first
            steps = words.steps_before[number - 1]
            write_embedding(path, words.for_file(number - 1), metadata, precision, steps)
        else:
            bundled = words.bundled() if words and self.settings.lora.bundles_words() else None
            write_lora(path, self._named_layers(), metadata, precision, bundled)

    def _named_layers(self) -> dict[str, AdapterLayer]:
        """The layers by their names in the file."""
        family, architecture = self.base.family, self.base.architecture
        return {
            family.lora_name(architecture, part, name): layer
            for part, network in self._adapters.items()
            for name, layer in network.named_layers()
        }

    def detach(self) -> None:
        for network in self._attached():
            network.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return all_detached(self._attached())

    def _attached(self) -> list[AttachableNetwork]:
        return [*self._adapters.values(), *([self._words.network] if self._words else [])]


def _together(adapters: Mapping[str, nn.Module], words: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """What stands beside each part of the model."""
    both = {part: nn.ModuleList([adapters[part], own]) for part, own in words.items() if part in adapters}
    return {**adapters, **words, **both}


def _parameters(values: Iterable[Tensor]) -> list[nn.Parameter]:
    return [cast("nn.Parameter", value) for value in values]
