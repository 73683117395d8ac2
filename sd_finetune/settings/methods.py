"""The training methods: what each one saves, its default values, and the options that are only for some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ResultKind = Literal["checkpoint", "lora", "embedding", "hypernetwork"]
"""Kinds of results; a snapshot is no result."""


@dataclass(frozen=True)
class MethodFacts:
    """One method. `implementation` is its class in `methods/NAME.py`, which only the worker imports.

    `title` is its name in the tab.

    A learning rate is None where the method does not train that part, or not at a learning rate of its own.
    """

    title: str
    implementation: str
    result: ResultKind
    unet_learning_rate: float | None
    text_encoder_learning_rate: float | None
    weight_decay: float = 0.01
    prior_weight: float = 1.0
    changes_weights: bool = False
    """It trains the model's own weights, so that during training the untrained model is gone."""
    learns_word: bool = False
    """It trains an embedding: a new word in prompts, with the options of the group textual_inversion."""
    fixed: tuple[str, ...] = ()
    """Options that a snapshot's tensors depend on: they cannot change when training continues from it."""


METHODS = {
    "lora": MethodFacts("LoRA", "LoraMethod", "lora", 1e-4, 5e-5, fixed=("lora.rank", "lora.alpha")),
    "dreambooth": MethodFacts("DreamBooth", "DreamBoothMethod", "checkpoint", 2e-6, 1e-6, changes_weights=True),
    # Weight decay would pull the vectors of an embedding towards zero, which means nothing to the text encoder.
    "textual_inversion": MethodFacts(
        "Textual Inversion", "TextualInversionMethod", "embedding", None, None,
        weight_decay=0.0, prior_weight=0.1, learns_word=True, fixed=("textual_inversion.vectors",),
    ),
    "hypernetwork": MethodFacts(
        "Hypernetwork", "HypernetworkMethod", "hypernetwork", 1e-5, None,  # the learning rate of the WebUI's Train tab
        fixed=(
            "hypernetwork.sizes", "hypernetwork.layer_structure", "hypernetwork.activation",
            "hypernetwork.activate_output", "hypernetwork.layer_norm", "hypernetwork.dropout_structure",
        ),
    ),
}  # fmt: skip

ALL_METHODS = tuple(METHODS)


def methods_with(fact: str) -> tuple[str, ...]:
    """The methods that have `fact`, a field of MethodFacts: it is neither None nor False."""
    values = {method: getattr(facts, fact) for method, facts in METHODS.items()}
    return tuple(method for method, value in values.items() if value is not None and value is not False)


def defaults_text(fact: str, written: str) -> str:
    """What `written` stands for: "0 = default of the method: lora 0.0001, ..."; `fact` is a field of MethodFacts."""
    defaults = (f"{method} {getattr(METHODS[method], fact):g}" for method in methods_with(fact))
    return f"{written} = default of the method: {', '.join(defaults)}"
