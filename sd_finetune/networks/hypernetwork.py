"""Hypernetworks as in the WebUI: MLPs before the keys and values of every attention.

k = to_k(h_k(context)), v = to_v(h_v(context)), h(x) = x + multiplier * mlp(x), where context is the text in
cross-attention and the image's own tokens in self-attention. All contexts of one width share a pair of MLPs, so their
output for the text is the same in every cross-attention and is computed once per forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any, cast

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from ..errors import UserError
from ..families.family import DiffusionModel
from ..formats.fit.hypernetwork import fitting_widths
from ..formats.hypernetwork import HypernetworkFile
from ..formats.hypernetwork_layout import HypernetworkShape, layer_contradiction
from .attachable import AttachableNetwork

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity, "relu": nn.ReLU, "leakyrelu": nn.LeakyReLU, "elu": nn.ELU, "swish": nn.Hardswish,
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "celu": nn.CELU, "gelu": nn.GELU, "hardshrink": nn.Hardshrink,
    "hardsigmoid": nn.Hardsigmoid, "hardtanh": nn.Hardtanh, "logsigmoid": nn.LogSigmoid,
    "mish": nn.Mish, "prelu": nn.PReLU, "relu6": nn.ReLU6, "rrelu": nn.RReLU, "selu": nn.SELU, "silu": nn.SiLU,
    "softplus": nn.Softplus, "softshrink": nn.Softshrink, "softsign": nn.Softsign, "tanhshrink": nn.Tanhshrink,
}  # fmt: skip
"""By the WebUI's names; "swish" is what the WebUI means by it, "linear" adds no layer."""

# Glorot and Bengio 2010, equation 16; He et al., arXiv 1502.01852, equation 10. `fans`: inputs, outputs.
INITIALIZATIONS: dict[str, Callable[[Tensor, tuple[int, int], torch.Generator], Tensor]] = {
    "Normal": lambda w, fans, g: w.normal_(0, 0.01, generator=g),
    "XavierUniform": lambda w, fans, g: _uniform(w, math.sqrt(6 / sum(fans)), g),
    "XavierNormal": lambda w, fans, g: w.normal_(0, math.sqrt(2 / sum(fans)), generator=g),
    "KaimingUniform": lambda w, fans, g: _uniform(w, math.sqrt(6 / fans[0]), g),
    "KaimingNormal": lambda w, fans, g: w.normal_(0, math.sqrt(2 / fans[0]), generator=g),
}


def _uniform(weight: Tensor, bound: float, generator: torch.Generator) -> Tensor:
    return weight.uniform_(-bound, bound, generator=generator)


class HypernetworkModule(nn.Module):
    """h(x) = x + multiplier * mlp(x) for x: (..., width); the multiplier is 1 while it trains."""

    def __init__(self, width: int, shape: HypernetworkShape) -> None:
        super().__init__()
        self.multiplier = 1.0
        self.linear = nn.Sequential(*_layers(width, shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(x) * (1.0 if self.training else self.multiplier)

    def initialize(self, initialization: str, generator: torch.Generator) -> None:
        """Initialize the weights at random, biases at zero, and layer norms near zero as in the WebUI."""
        for layer in self.linear:
            if isinstance(layer, (nn.Linear, nn.LayerNorm)):
                rule = "Normal" if isinstance(layer, nn.LayerNorm) else initialization
                fans = (layer.weight.shape[-1], layer.weight.shape[0])
                with torch.no_grad():  # not with nn.init, which takes no generator before torch 2.3
                    INITIALIZATIONS[rule](layer.weight, fans, generator)
                    layer.bias.zero_()


def _layers(width: int, shape: HypernetworkShape) -> Iterator[nn.Module]:
    """The MLP's layers in the order that their names count in the WebUI: linear, activation, norm, dropout."""
    widths = [int(width * multiple) for multiple in shape.layer_structure]
    for number, (inner, outer) in enumerate(pairwise(widths), start=1):
        yield nn.Linear(inner, outer)
        if shape.activation != "linear" and (number < len(widths) - 1 or shape.activate_output):
            yield ACTIVATIONS[shape.activation]()
        if shape.layer_norm:
            yield nn.LayerNorm(outer)
        if shape.dropout_structure[number]:
            yield nn.Dropout(shape.dropout_structure[number])


def _is_random_in_training(shape: HypernetworkShape) -> bool:
    return any(shape.dropout_structure) or shape.activation == "rrelu"


class Hypernetwork(AttachableNetwork):
    """All MLPs of a hypernetwork, by context width.

    Several can be attached to one UNet: each takes the output of the one before it.
    """

    _text: Tensor | None
    """The text of the UNet's latest forward pass; in `_made` the outputs for its keys ("k") and values ("v")."""
    _made: dict[str, Tensor]

    def __init__(self, unet: nn.Module, shape: HypernetworkShape, widths: list[int]) -> None:
        super().__init__()
        self.shape = shape
        self.pairs = nn.ModuleDict({
            str(width): nn.ModuleDict({to: HypernetworkModule(width, shape) for to in ("k", "v")}) for width in widths
        })  # fmt: skip
        self._unet = (unet,)  # in a tuple, so that it is not a submodule of this one
        self._targets = [target for target in _projections(unet) if target[1] in widths]
        self._forget_text()

    @property
    def widths(self) -> list[int]:
        """The context widths that have modules."""
        return [int(width) for width in self.pairs]

    def modules_by_width(self) -> Iterator[tuple[int, HypernetworkModule, HypernetworkModule]]:
        """Each context width with its modules for the keys and for the values."""
        for width in self.pairs:
            yield int(width), self._module(width, "k"), self._module(width, "v")

    def _module(self, width: str, to: str) -> HypernetworkModule:
        return cast("HypernetworkModule", cast("nn.ModuleDict", self.pairs[width])[to])

    def _attach_to_model(self, undo: ExitStack) -> None:
        """Every context goes through its module."""
        (unet,) = self._unet
        undo.callback(self._forget_text)
        undo.callback(unet.register_forward_pre_hook(self._take_text, with_kwargs=True).remove)
        for projection, width, to in self._targets:
            undo.callback(projection.register_forward_pre_hook(self._before(str(width), to)).remove)

    def _take_text(self, unet: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        """Before the UNet's forward pass: computes the outputs for its text, unless they are random in each layer.

        Kept until the next forward pass, as gradient checkpointing needs them once more.
        """
        self._forget_text()
        text = given["encoder_hidden_states"] if "encoder_hidden_states" in given else args[2]
        width = str(text.shape[-1])
        if width in self.pairs and not (self.training and _is_random_in_training(self.shape)):
            self._text, self._made = text, {to: self._through(width, to, text) for to in ("k", "v")}

    def _forget_text(self) -> None:
        self._text, self._made = None, {}

    def _before(self, width: str, to: str) -> Any:
        def before(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            context, *rest = args
            made = self._made[to] if context is self._text else self._through(width, to, context)
            return (made, *rest)

        return before

    def _through(self, width: str, to: str, context: Tensor) -> Tensor:
        module = self._module(width, to)
        own = next(module.parameters()).dtype  # float32 also where the UNet is in half precision
        return module(context.to(own)).to(context.dtype)


def _projections(unet: nn.Module) -> list[tuple[nn.Module, int, str]]:
    """The layers that compute keys and values, each with its context's width and "k" or "v"."""
    attentions = [module for module in unet.modules() if isinstance(module, Attention)]
    return [(p, p.in_features, to) for a in attentions for p, to in ((a.to_k, "k"), (a.to_v, "v")) if p]


def context_widths(unet: nn.Module) -> list[int]:
    """The widths of all contexts, ascending: 320, 640, 768 (the text) and 1280 in SD1.5."""
    return sorted({width for _, width, _ in _projections(unet)})


def new_hypernetwork(
    unet: nn.Module, shape: HypernetworkShape, widths: list[int], generator: torch.Generator
) -> Hypernetwork:
    """A hypernetwork with random initial weights, float32; `widths` are some of `context_widths`."""
    network = Hypernetwork(unet, shape, widths)
    for _, for_keys, for_values in network.modules_by_width():
        for_keys.initialize(shape.initialization, generator)
        for_values.initialize(shape.initialization, generator)
    return network


def hypernetwork_from_file(unet: nn.Module, file: HypernetworkFile) -> Hypernetwork:
    """The hypernetwork in a file, float32, with the modules for the widths that the model has, as in the WebUI.

    Raises:
        UserError: the model has none of its widths, or its layers contradict its layer structure.
    """
    widths = fitting_widths(file.called, file.shape, file.pairs, context_widths(unet))
    with torch.device("meta"):
        network = Hypernetwork(unet, file.shape, widths)
    for width, *modules in network.modules_by_width():
        for module, tensors in zip(modules, file.pairs[width], strict=True):
            if contradiction := layer_contradiction(file.shape, width, tensors):
                raise UserError(f"{file.called} {contradiction}")
            module.load_state_dict({name: value.float().clone() for name, value in tensors.items()}, assign=True)
    return network


def attach_hypernetwork_file(model: DiffusionModel, file: HypernetworkFile, multiplier: float = 1.0) -> Hypernetwork:
    """Attach the hypernetwork in a file to `model`, after those that are attached already.

    Raises:
        UserError: it does not fit the model.
    """
    network = hypernetwork_from_file(model.unet, file)
    for _, for_keys, for_values in network.modules_by_width():
        for_keys.multiplier = for_values.multiplier = multiplier
    network.to(model.unet.device).eval().requires_grad_(False)
    network.attach()
    return network
