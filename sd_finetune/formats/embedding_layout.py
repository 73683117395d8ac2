"""What of a file is the vectors of new words, by names and shapes; needs no torch.

embedding_vectors(layout) -> those of an embedding file by name
bundled_vectors(tensors) -> those in the file of a LoRA, by word and name
vector_shapes(called, vectors) -> (vectors, width) by name; UserError for what is not those of one word
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from ..counted import counted
from ..errors import UserError
from ..reading.layout import Layout, StoredTensor, are_stored_weights
from .classify import WORDS

SEVERAL = ("clip_l", "clip_g")
"""Names of the tensors where there is one for each of several text encoders."""
INNER = "string_to_param"
"""Names the tensors of the WebUI's own format."""
OUTPUT = "_out"
"""Ends the names of OneTrainer's vectors that are added behind a text encoder, which the WebUI leaves out too."""

T = TypeVar("T")


def is_of_word(name: str) -> bool:
    """Whether a tensor of a LoRA's file is of a new word."""
    return name.startswith(WORDS)


def word_of(name: str) -> str:
    """The word that a tensor of such a name is of."""
    return name.removeprefix(WORDS).partition(".")[0]


def embedding_vectors(layout: Layout) -> dict[str, StoredTensor]:
    """The tensors of an embedding file by name; in the WebUI's format they are one level deeper."""
    inner: Any = layout.content.get(INNER)
    if not isinstance(inner, dict):
        return layout.tensors
    named = cast("dict[Any, Any]", inner)
    return {str(name): value for name, value in named.items() if isinstance(value, StoredTensor)}


def bundled_vectors(tensors: Mapping[str, T]) -> dict[str, dict[str, T]]:
    """Those of the new words among the tensors of a LoRA's file, by word and by the name that they have for it."""
    found: dict[str, dict[str, T]] = {}
    for name, tensor in tensors.items():
        if is_of_word(name) and not name.endswith(OUTPUT):
            word = word_of(name)
            found.setdefault(word, {})[name.removeprefix(f"{WORDS}{word}.").removeprefix(f"{INNER}.")] = tensor
    return found


def called_in(path: Path, word: str) -> str:
    """What a word in the file of a LoRA is called in messages."""
    return f'the word "{word}" of {path}'


def vector_shapes(called: str, vectors: Mapping[str, StoredTensor]) -> dict[str, tuple[int, int]]:
    """How many vectors of which width there are, by name. called: what they are, in messages.

    Raises:
        UserError: they are not the vectors of exactly one word.
    """
    shapes = {name: (1, *own.shape) if len(own.shape) == 1 else own.shape for name, own in vectors.items()}
    found = {name: (shape[0], shape[1]) for name, shape in shapes.items() if len(shape) == 2}
    is_word = len(shapes) == 1 or set(shapes) == set(SEVERAL)
    if not is_word or len(found) < len(shapes) or not are_stored_weights(vectors.values()):
        raise UserError(
            f"{called} is not an embedding of one word: choose one that was saved by the WebUI, kohya's scripts, "
            "diffusers or SD Fine-Tune."
        )
    counts = {name: count for name, (count, _) in found.items()}
    if len(set(counts.values())) > 1:
        told = " and ".join(f"{counted(count, 'vector')} for {name}" for name, count in counts.items())
        raise UserError(f"{called} has {told}, which must be as many: copy or download it again, or choose another.")
    return found
