"""Low-rank layers beside frozen ones: W = W0 + (alpha / rank) * up @ down (LoRA, arXiv 2106.09685, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..families.parts import ModelParts
from ..formats.lora import LoraModule, kohya_name


class LoraLayer(nn.Module):
    """The low-rank addition to one Linear or convolution layer; `up` starts at zero, so it starts without effect.

    down: (rank, in[, kernel, kernel]); up: (out, rank[, 1, 1]), both float32.
    """

    def __init__(self, original: nn.Module, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rank, self.alpha = rank, alpha
        if isinstance(original, nn.Conv2d):
            shape: dict[str, Any] = {"stride": original.stride, "padding": original.padding}
            self.down: nn.Module = nn.Conv2d(original.in_channels, rank, original.kernel_size, bias=False, **shape)
            self.up: nn.Module = nn.Conv2d(rank, original.out_channels, 1, bias=False)
        elif isinstance(original, nn.Linear):
            self.down = nn.Linear(original.in_features, rank, bias=False)
            self.up = nn.Linear(rank, original.out_features, bias=False)
        else:
            raise TypeError(f"no LoRA for a {type(original).__name__}")
        bound = 1 / math.sqrt(self.down.weight[0].numel())  # Kaiming with a = sqrt(5), as the usual trainers start
        with torch.no_grad():  # not by nn.init, which takes no generator before torch 2.3
            self.down.weight.uniform_(-bound, bound, generator=generator)
            self.up.weight.zero_()

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def forward(self, x: Tensor) -> Tensor:
        """The addition to the original layer's output for the same input."""
        return self.up(self.down(x)) * self.scale


class LoraNetwork(nn.Module):
    """All low-rank layers of a model, by the path of the layer that each stands beside.

    `attach` puts them to work, `detach` takes them off again, both without touching a weight.
    """

    def __init__(self, targets: dict[str, nn.Module], rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self._targets = dict(targets)
        self.paths = list(targets)
        self.layers = nn.ModuleList([LoraLayer(module, rank, alpha, generator) for module in targets.values()])

    def named_layers(self) -> Iterator[tuple[str, LoraLayer]]:
        """Each layer with the path of its original, in a fixed order."""
        for path, layer in zip(self.paths, self.layers, strict=True):
            assert isinstance(layer, LoraLayer)
            yield path, layer

    def attach(self) -> None:
        """Add each layer's output to its original's from now on."""
        for path, layer in self.named_layers():
            original = self._targets[path]
            if "forward" in vars(original):
                raise RuntimeError(f"{path} already carries another layer: detach that first")
            original.forward = MethodType(_forward_with(layer), original)

    def detach(self) -> None:
        """The model as it was before `attach`."""
        for original in self._targets.values():
            vars(original).pop("forward", None)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """The model without the layers, for as long as the block runs."""
        self.detach()
        try:
            yield
        finally:
            self.attach()


def _forward_with(layer: LoraLayer) -> Any:
    def forward(original: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return type(original).forward(original, x, *args, **kwargs) + layer(x)

    return forward


def unet_targets(unet: nn.Module) -> dict[str, nn.Module]:
    """Every Linear and 1x1 convolution of the attention blocks: 192 in SD1.5."""
    return {name: module for name, module in unet.named_modules() if ".attentions." in f".{name}" and _fits(module)}


def text_encoder_targets(text_encoder: nn.Module) -> dict[str, nn.Module]:
    """Every Linear of the text encoder's attentions and MLPs: 72 in SD1.5."""
    return {
        name: module
        for name, module in text_encoder.named_modules()
        if (".self_attn." in name or ".mlp." in name) and _fits(module)
    }


def _fits(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))


class WeightedLora(NamedTuple):
    """A LoRA's layers by their kohya names, and how many times they count. `called`: what messages name it."""

    modules: Mapping[str, LoraModule]
    weight: float = 1.0
    called: str = "The LoRA"


def combine_loras(loras: Sequence[WeightedLora]) -> dict[str, LoraModule]:
    """One LoRA that changes a model as all of these do together; layers of one name are of one form.

    Low-rank changes add up when their `down` are stacked and their `up` are put side by side.
    """
    names = dict.fromkeys(name for lora in loras for name in lora.modules)
    return {name: _stacked([(o.modules[name], o.weight) for o in loras if name in o.modules]) for name in names}


def _stacked(layers: Sequence[tuple[LoraModule, float]]) -> LoraModule:
    if len(layers) == 1 and layers[0][1] == 1:
        return layers[0][0]
    down = torch.cat([layer.down.float() for layer, _ in layers])
    up = torch.cat([layer.up.float() * (weight * layer.alpha / layer.rank) for layer, weight in layers], dim=1)
    return LoraModule(down, up, alpha=down.shape[0])


def attach_loras(parts: ModelParts, loras: Sequence[WeightedLora]) -> list[LoraNetwork]:
    """Put the layers of LoRA files to work on `parts`, all together; the networks can be detached again.

    Raises:
        UserError: the model has no such layer, or one of another size.
    """
    found: dict[str, tuple[str, str, nn.Module]] = {
        kohya_name(part, path): (part, path, module)
        for part in ("unet", "text_encoder")
        for path, module in parts.module(part).named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    }
    modules = combine_loras([_formed(lora, found) for lora in loras])
    networks = []
    for part in ("unet", "text_encoder"):
        chosen = {
            found[name][1]: (found[name][2], module) for name, module in modules.items() if found[name][0] == part
        }
        network = LoraNetwork({path: original for path, (original, _) in chosen.items()}, 1, 1, torch.Generator())
        network.layers = nn.ModuleList([_filled(*pair) for pair in chosen.values()])
        network.to(parts.module(part).device, parts.module(part).dtype).requires_grad_(False)
        network.attach()
        networks.append(network)
    return networks


def _formed(lora: WeightedLora, known: Mapping[str, tuple[str, str, nn.Module]]) -> WeightedLora:
    """The LoRA with its layers in the form that the model's own have: a 1x1 convolution may be stored as linear."""
    refuse_unknown_layers(lora, known)
    formed = {}
    for name, module in lora.modules.items():
        _, path, original = known[name]
        out, *into = original.weight.shape
        down = fitted(path, module.down, (module.rank, *into), lora.called)
        up = fitted(path, module.up, (out, module.rank, *[1] * len(into[1:])), lora.called)
        formed[name] = replace(module, down=down, up=up)
    return lora._replace(modules=formed)


def _filled(original: nn.Module, module: LoraModule) -> LoraLayer:
    """The layer beside `original` with the file's values."""
    layer = LoraLayer(original, module.rank, module.alpha, torch.Generator())
    layer.down.weight.data.copy_(module.down)
    layer.up.weight.data.copy_(module.up)
    return layer


def refuse_unknown_layers(lora: WeightedLora, known: Container[str]) -> None:
    """Raise UserError if some of a LoRA's layers are not among those that a checkpoint has."""
    unknown = [name for name in lora.modules if name not in known]
    if unknown:
        raise UserError(
            f"{lora.called} has {len(unknown)} layers that this checkpoint has not ({', '.join(unknown[:3])}...): "
            "use one that was made for this kind of checkpoint."
        )


def fitted(path: str, values: Tensor, shape: Sequence[int], called: str) -> Tensor:
    """`values` in the shape that the layer at `path` needs: (out, in) and (out, in, 1, 1) are one and the same.

    Raises:
        UserError: they are of another size; `called` is what they are from.
    """
    if values.numel() != math.prod(shape) or tuple(values.shape[:2]) != tuple(shape[:2]):
        raise UserError(
            f"{called} has a layer for {path} of size {tuple(values.shape)} where this checkpoint needs "
            f"{tuple(shape)}: use one that was made for this kind of checkpoint."
        )
    return values.reshape(tuple(shape))
