"""LoRA: low-rank layers beside the attention blocks' layers, and beside the text encoder's if asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from ..families.parts import ModelParts
from ..formats.checkpoint import Checkpoint
from ..formats.lora import LoraModule, kohya_name, read_lora, write_lora
from ..networks.lora import LoraLayer, LoraNetwork, fitted, text_encoder_targets, unet_targets
from ..settings.options import Settings
from .method import ParameterGroup, all_detached, copy_into


class LoraMethod:
    """Trains a `LoraNetwork` for the UNet and, if asked, one for the text encoder; the model itself is frozen."""

    def __init__(self, parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
        self.settings = settings
        targets = {"unet": unet_targets(parts.unet)}
        if settings.train.train_text_encoder:
            targets["text_encoder"] = text_encoder_targets(parts.text_encoder)
        rank, alpha = settings.lora.rank, settings.lora.alpha or settings.lora.rank
        generator = torch.Generator().manual_seed(settings.train.seed)
        self.networks = {part: LoraNetwork(found, rank, alpha, generator) for part, found in targets.items()}
        if settings.base.continue_from:
            _take_over(self.networks, Path(settings.base.continue_from), rank)
        for part, network in self.networks.items():
            network.to(parts.module(part).device)
            network.attach()

    @classmethod
    def check(cls, parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
        cls(parts, settings, base).detach()

    @classmethod
    def ending(cls, settings: Settings) -> str:
        return ".safetensors"

    def parameter_groups(self) -> list[ParameterGroup]:
        rates = {
            "unet": self.settings.unet_learning_rate(),
            "text_encoder": self.settings.text_encoder_learning_rate(),
        }
        return [ParameterGroup(part, list(n.parameters()), rates[part]) for part, n in self.networks.items()]

    def trained_tensors(self) -> dict[str, Tensor]:
        return {
            f"{part}.{path}.{name}": value
            for part, network in self.networks.items()
            for path, layer in network.named_layers()
            for name, value in (("down", layer.down.weight), ("up", layer.up.weight))
        }

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_into(self.trained_tensors(), tensors)

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        modules = {
            (part, name): LoraModule(layer.down.weight.detach(), layer.up.weight.detach(), layer.alpha)
            for part, network in self.networks.items()
            for name, layer in network.named_layers()
        }
        write_lora(path, modules, metadata, self.settings.output.precision)

    def detach(self) -> None:
        for network in self.networks.values():
            network.detach()

    def untrained(self) -> AbstractContextManager[None]:
        return all_detached(self.networks.values())


def _take_over(networks: Mapping[str, LoraNetwork], path: Path, rank: int) -> None:
    """Give the networks the layers of a LoRA's file; those that it lacks start anew.

    Raises:
        UserError: the file is no LoRA, or it has layers that these networks have not or of a higher rank.
    """
    modules, _ = read_lora(path)
    layers = {kohya_name(part, name): layer for part, n in networks.items() for name, layer in n.named_layers()}
    unknown = [name for name in modules if name not in layers]
    if unknown:
        way_out = "set train.train_text_encoder = true" if unknown[0].startswith("lora_te") else "use another LoRA"
        raise UserError(
            f"base.continue_from = {path} has {len(unknown)} layers that this run does not train, such as "
            f"{unknown[0]}: {way_out}."
        )
    highest = max((module.rank for module in modules.values()), default=0)
    if highest > rank:
        raise UserError(
            f"base.continue_from = {path} has layers of rank {highest} and lora.rank is {rank}: set lora.rank = "
            f"{highest} or more, or make the file smaller with the command resize."
        )
    for name, module in modules.items():
        _start_from(name, layers[name], module, f"base.continue_from = {path}")


@torch.no_grad()
def _start_from(name: str, layer: LoraLayer, module: LoraModule, called: str) -> None:
    """Make the layer change as much as a file's layer of the same or a lower rank, whatever the alpha of either.

    Ranks that the file has not stay as they started: `down` drawn, `up` zero.
    """
    down, up = layer.down.weight[: module.rank], layer.up.weight[:, : module.rank]
    share = (module.alpha / module.rank) / (layer.alpha / layer.down.weight.shape[0])
    down.copy_(fitted(name, module.down.float(), down.shape, called))
    up.copy_(fitted(name, module.up.float(), up.shape, called) * share)
