"""The group [hypernetwork]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option

HYPERNETWORK = ("hypernetwork",)
ACTIVATIONS = (
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "celu", "gelu", "hardshrink", "hardsigmoid",
    "hardtanh", "logsigmoid", "mish", "prelu", "relu6", "rrelu", "selu", "silu", "softplus", "softshrink", "softsign",
    "tanhshrink",
)  # fmt: skip
INITIALIZATIONS = ("Normal", "KaimingUniform", "KaimingNormal", "XavierUniform", "XavierNormal")
"""By the WebUI's names, as the activations."""


@dataclass(frozen=True)
class Hypernetwork:
    """Layers before the keys and values of every attention, as in the WebUI's Create hypernetwork tab."""

    sizes: str = option(
        "",
        'context widths that get layers (modules), like "768, 320" (the text is 768 in SD 1.x and 2048 in SDXL); '
        "empty = all of the checkpoint",
        methods=HYPERNETWORK,
    )
    layer_structure: str = option(
        "1, 2, 1",
        "widths of the layers, as multiples of the context width; the first and the last are 1",
        methods=HYPERNETWORK,
    )
    activation: str = option(
        "linear",
        "activation function after each layer but the last; linear = none. Not supported from the WebUI's list: glu "
        "(changes the width), softmax, softmin, logsoftmax and softmax2d (mix the images of a batch), threshold (lacks "
        "a parameter)",
        choices=ACTIVATIONS,
        methods=HYPERNETWORK,
    )
    activate_output: bool = option(
        False, "apply the activation function after the last layer too", methods=HYPERNETWORK
    )
    initialization: str = option(
        "Normal",
        "weight initialization; Normal = near zero, which changes the model the least",
        choices=INITIALIZATIONS,
        methods=HYPERNETWORK,
    )
    layer_norm: bool = option(False, "layer normalization after each layer", methods=HYPERNETWORK)
    dropout_structure: str = option(
        "",
        'dropout probability at each width, like "0, 0.3, 0" for the layer structure "1, 2, 1"; empty = none',
        methods=HYPERNETWORK,
    )
