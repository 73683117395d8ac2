"""The methods there are: what each makes, and what stands for settings that are left to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ResultKind = Literal["checkpoint", "lora", "embedding", "hypernetwork"]
"""Kinds of results; a snapshot is no result."""


@dataclass(frozen=True)
class MethodFacts:
    """One method. `implementation` is its class in `methods/NAME.py`, which only the worker imports.

    A rate is None where it does not train that part at a rate of its own.
    """

    implementation: str
    result: ResultKind
    unet_learning_rate: float | None
    text_encoder_learning_rate: float | None
    weight_decay: float = 0.01
    prior_weight: float = 1.0
    changes_weights: bool = False
    """It trains the model's own weights, so that there is no untrained model beside it."""
    learns_word: bool = False
    """What is trained stands in prompts, as the word that the group textual_inversion is about."""
    fixed: tuple[str, ...] = ()
    """Options without which a snapshot's tensors are not the same or do not mean the same."""


METHODS = {
    "lora": MethodFacts("LoraMethod", "lora", 1e-4, 5e-5, fixed=("lora.rank", "lora.alpha")),
    "dreambooth": MethodFacts("DreamBoothMethod", "checkpoint", 2e-6, 1e-6, changes_weights=True),
    # A word's vectors would decay towards nothing that has a meaning.
    "textual_inversion": MethodFacts(
        "TextualInversionMethod", "embedding", None, None, weight_decay=0.0, prior_weight=0.1, learns_word=True,
        fixed=("textual_inversion.vectors",),
    ),
    "hypernetwork": MethodFacts(
        "HypernetworkMethod", "hypernetwork", 1e-5, None,  # the rate of the WebUI's Train tab
        fixed=(
            "hypernetwork.sizes", "hypernetwork.layer_structure", "hypernetwork.activation",
            "hypernetwork.activate_output", "hypernetwork.layer_norm", "hypernetwork.dropout_structure",
        ),
    ),
}  # fmt: skip
