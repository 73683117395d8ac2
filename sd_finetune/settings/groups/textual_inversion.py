"""The group [textual_inversion]."""

from __future__ import annotations

from dataclasses import dataclass

from ..methods import METHODS, WORD_RATE, methods_with
from ..option import option
from ..rates import Rates
from .captions import CHUNK_TOKENS
from .train import SEVERAL_RATES, default_text

NAME = "[name]"
"""Stands for the new word in a prompt template."""
EMBEDDING = methods_with("learns_word")
NEW_WORDS = tuple(name for name, facts in METHODS.items() if facts.learns_word or facts.may_learn_words)
"""The methods that train new words, always or where they are asked to."""


@dataclass(frozen=True)
class TextualInversion:
    """The embedding and the prompts that it is trained with."""

    word: str = option(
        "",
        "the new word in prompts; empty = output.name, by which the WebUI calls an embedding in any case",
        methods=NEW_WORDS,
    )
    vectors: int = option(
        1,
        f"number of vectors; each takes one of the {CHUNK_TOKENS} tokens of a prompt's chunk",
        minimum=1,
        maximum=CHUNK_TOKENS,
        methods=NEW_WORDS,
    )
    initial_text: str = option(
        "*", "initialization text, whose token embeddings the vectors start from; empty = zeros", methods=NEW_WORDS
    )
    learning_rate: Rates | None = option(
        None,
        f"learning rate of the embedding; {SEVERAL_RATES}; {default_text(WORD_RATE)}",
        minimum=0,
        maximum=1,
        methods=NEW_WORDS,
    )
    template: str = option(
        "subject",
        "prompt templates: built in for a subject or a style, with or without captions, your own, or each concept's "
        "instance prompt; in all of them [name] = the new word and [filewords] = the "
        "image's caption",
        choices=("subject", "style", "subject_filewords", "style_filewords", "own", "instance_prompt"),
        titles={
            "subject_filewords": "subject, with captions",
            "style_filewords": "style, with captions",
            "own": "own prompt templates",
            "instance_prompt": "instance prompt",
        },
        methods=EMBEDDING,
    )
    own_templates: tuple[str, ...] = option(
        (),
        'your prompt templates, like "a photo of [name]"; each image gets a random one each time',
        methods=EMBEDDING,
    )
    format: str = option(
        "safetensors",
        "file format; pt = the older format of the WebUI",
        choices=("safetensors", "pt"),
        methods=EMBEDDING,
    )
