"""The training methods: what each one saves, its default values, and the options that are only for some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ResultKind = Literal["checkpoint", "lora", "embedding", "hypernetwork"]
"""Kinds of results; a snapshot is not a result."""


@dataclass(frozen=True)
class MethodFacts:
    """One method. `implementation` is its class in `methods/NAME.py`, which only the worker imports.

    `title` is its name in the tab.

    A learning rate is None where the method does not train that part. They are those of most checkpoints; what others
    need is in their `base_defaults.BaseDefaults`.
    """

    title: str
    implementation: str
    result: ResultKind
    unet_learning_rate: float | None
    text_encoder_learning_rate: float | None
    embedding_learning_rate: float | None = None
    weight_decay: float = 0.01
    prior_weight: float = 1.0
    changes_weights: bool = False
    """It trains the model's own weights, so that during training the untrained model is gone."""
    decays_all: bool = False
    """What it trains has biases and norms too, or token embeddings."""
    learns_word: bool = False
    """It trains an embedding: a new word in prompts, with the options of the group textual_inversion."""
    may_learn_words: bool = False
    """It can train new words beside its own weights, with those of these options that are about words."""
    fixed: tuple[str, ...] = ()
    """Options that a snapshot's tensors depend on: they cannot change when training continues from it."""


METHODS = {
    "lora": MethodFacts(
        "LoRA", "LoraMethod", "lora", 1e-4, 5e-5, 1e-3, may_learn_words=True,
        fixed=(
            "lora.algorithm", "lora.rank", "lora.alpha", "lora.conv_rank", "lora.targets", "lora.pattern",
            "lora.block_ranks", "lora.block_rates", "lora.dora", "lora.factor", "lora.full_matrix",
            "lora.decompose_both", "lora.rank_stabilized", "lora.plus_ratio",
            "lora.new_words",
        ),
    ),
    "dreambooth": MethodFacts(
        "DreamBooth", "DreamBoothMethod", "checkpoint", 2e-6, 1e-6, changes_weights=True, decays_all=True,
    ),
    # Weight decay would pull the vectors of an embedding towards zero, which means nothing to the text encoder.
    "textual_inversion": MethodFacts(
        "Textual Inversion", "TextualInversionMethod", "embedding", None, None, 5e-3,
        weight_decay=0.0, prior_weight=0.1, learns_word=True, fixed=("textual_inversion.vectors",),
    ),
    "hypernetwork": MethodFacts(
        "Hypernetwork", "HypernetworkMethod", "hypernetwork", 1e-5, None,  # the learning rate of the WebUI's Train tab
        decays_all=True,
        fixed=(
            "hypernetwork.sizes", "hypernetwork.layer_structure", "hypernetwork.activation",
            "hypernetwork.activate_output", "hypernetwork.layer_norm", "hypernetwork.dropout_structure",
        ),
    ),
}  # fmt: skip

ALL_METHODS = tuple(METHODS)

WORD_RATE = "embedding_learning_rate"
"""The one that is the same beside whichever kind of layers."""
RATE_OPTIONS = {
    "unet_learning_rate": "train.unet_learning_rate",
    "text_encoder_learning_rate": "train.text_encoder_learning_rate",
    WORD_RATE: "textual_inversion.learning_rate",
}
"""The option of each of a method's learning rates, by the name in MethodFacts."""


def rate_of(part: str) -> str:
    """The learning rate, by its name in MethodFacts, of "unet", "embedding", or else a text encoder.

    What has a multiple of that is named after it: "unet lora_up".
    """
    part = part.partition(" ")[0]
    return f"{part if part in ('unet', 'embedding') else 'text_encoder'}_learning_rate"


def methods_with(fact: str) -> tuple[str, ...]:
    """The methods that have `fact`, a field of MethodFacts: it is neither None nor False."""
    values = {method: getattr(facts, fact) for method, facts in METHODS.items()}
    return tuple(method for method, value in values.items() if value is not None and value is not False)


def defaults_text(fact: str, written: str) -> str:
    """What `written` stands for: "0 = default of the method: lora 0.0001, ..."; `fact` is a field of MethodFacts."""
    defaults = (f"{method} {getattr(METHODS[method], fact):g}" for method in methods_with(fact))
    return f"{written} = default of the method: {', '.join(defaults)}"
