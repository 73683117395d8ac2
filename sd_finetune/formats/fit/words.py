"""New words on a base checkpoint: those that are continued from an embedding, or from the file of a LoRA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ...counted import counted
from ...errors import UserError
from ...families.facts import FamilyFacts
from ...reading.door import reader
from ...settings.groups.captions import CHUNK_TOKENS
from ...settings.learned_words import LearnedWord, learned_words
from ...settings.options import Settings
from ..classify import layout_of
from ..embedding_layout import SEVERAL, bundled_vectors, called_in, embedding_vectors, vector_shapes
from .target import Target

VectorShapes = Mapping[str, tuple[int, int]]
"""Vectors and their width, by their names in a file."""


def word_faults(settings: Settings, target: Target) -> Iterator[tuple[str, str]]:
    """Why words cannot be continued as the settings say: option and sentence."""
    widths = {part: cast("Any", target.architecture.sizes[part]).hidden_size for part in target.family.text_encoders}
    for word in learned_words(settings):
        option, file = continued_in(word, settings)
        try:
            shapes = _stored(file, word, settings) if file else None
            if shapes is not None:
                vector_names(target.family, widths, file, shapes)  # what cannot be mended with an option is told first
                _refuse_other_count(f"{option} = {file}", word, shapes)
        except UserError as error:
            yield option, str(error)


def continued_in(word: LearnedWord, settings: Settings) -> tuple[str, str]:
    """The option and the file of a word that was trained before, "" for none; words of a LoRA may be in that."""
    if word.continue_from or not settings.has_words_beside():
        return word.continue_option, word.continue_from
    return "base.continue_from", settings.base.continue_from


def is_in_lora(file: str, settings: Settings) -> bool:
    """Whether a file that a word is continued in is the LoRA's, in which it may be."""
    return file == settings.base.continue_from and settings.has_words_beside()


def _stored(file: str, word: LearnedWord, settings: Settings) -> VectorShapes | None:
    """What is there of a word, None if it is not in the LoRA."""
    if not is_in_lora(file, settings):
        return embedding_shapes(Path(file))
    wanted = word.word.casefold()
    return next((own for name, own in bundled_shapes(Path(file)).items() if name.casefold() == wanted), None)


@reader
def embedding_shapes(path: Path) -> VectorShapes:
    return vector_shapes(str(path), embedding_vectors(layout_of(path)))


@reader
def bundled_shapes(path: Path) -> dict[str, VectorShapes]:
    words = bundled_vectors(layout_of(path).tensors)
    return {word: vector_shapes(called_in(path, word), own) for word, own in words.items()}


def _refuse_other_count(called: str, word: LearnedWord, shapes: VectorShapes) -> None:
    count, _ = next(iter(shapes.values()))
    if count > CHUNK_TOKENS:
        raise UserError(
            f"{called} has {counted(count, 'vector')}, but a prompt has room for {CHUNK_TOKENS}: continue from another "
            "embedding."
        )
    if count != word.vectors:
        raise UserError(
            f"{called} has {counted(count, 'vector')}, but {word.place}.vectors is {word.vectors}: set "
            f"{word.place}.vectors = {count} to continue from it."
        )


def vector_names(family: FamilyFacts, widths: Mapping[str, int], called: str, shapes: VectorShapes) -> dict[str, str]:
    """By text encoder, the name of the vectors that are for it; where there is one encoder, the name does not matter.

    widths: of each text encoder of the checkpoint, in their order. called: where the vectors are from, in messages.

    Raises:
        UserError: they are for another kind of model.
    """
    names = [family.embedding_names[part] for part in widths]
    own = list(shapes) if len(names) == len(shapes) == 1 else names
    if set(shapes) != set(own):
        has, needs = _told(list(shapes)), _told(names)
        raise UserError(
            f"{called} has vectors for {has}, but this checkpoint needs them for {needs}: use an embedding that was "
            f"trained on a checkpoint of {family.title}."
        )
    found = dict(zip(widths, own, strict=True))
    for part, name in found.items():
        width, of_encoder = shapes[name][1], f" for {family.embedding_names[part]}" if len(found) > 1 else ""
        if width != widths[part]:
            raise UserError(
                f"{called} has vectors of width {width}{of_encoder}, but this checkpoint needs width {widths[part]}: "
                "use an embedding that was trained on this kind of checkpoint."
            )
    return found


def _told(names: Sequence[str]) -> str:
    """For which text encoders vectors of these names are."""
    known = [name for name in names if name in SEVERAL]
    if len(names) == 1:
        return f"{known[0]} alone" if known else "a single text encoder"
    return f"{len(names)} text encoders ({' and '.join(names)})"
