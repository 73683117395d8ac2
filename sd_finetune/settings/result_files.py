"""The files that a run saves as its result: one, or one for each new word, or a LoRA and its words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from .faults import Broken
from .learned_words import LearnedWord, learned_words
from .methods import ResultKind
from .options import Settings
from .result_name import NAME, pattern_fault, stems_of

CONFIG_ENDING = ".yaml"
"""Of the config beside a checkpoint of one file."""


@dataclass(frozen=True)
class ResultFile:
    """name: without folder and ending. word: that it is the embedding of, if it is one."""

    name: str
    kind: ResultKind
    word: LearnedWord | None = None


def result_files(settings: Settings) -> tuple[ResultFile, ...]:
    """All of them, the method's own first."""
    kind = settings.result_kind()
    own = () if kind == "embedding" else (ResultFile(settings.output.name, kind),)
    saves_words = kind == "embedding" or settings.has_embeddings_beside()
    words = learned_words(settings) if saves_words else ()
    return (*own, *(ResultFile(word.file, "embedding", word) for word in words))


def ending_of(settings: Settings, file: ResultFile) -> str:
    """As ".safetensors"; "" for a folder."""
    if file.kind == "checkpoint" and settings.output.layout == "diffusers":
        return ""
    if file.kind == "hypernetwork":
        return ".pt"
    is_beside = file.kind != settings.result_kind()
    return f".{settings.textual_inversion.format}" if file.kind == "embedding" and not is_beside else ".safetensors"


def endings_of(settings: Settings, file: ResultFile) -> tuple[str, ...]:
    """Of all files that are written for a result; a folder has none, whatever dots its name has."""
    ending = ending_of(settings, file)
    return (ending, CONFIG_ENDING) if file.kind == "checkpoint" and ending else (ending,)


def each_in_a_file_of_its_own(settings: Settings) -> Iterator[Broken]:
    """An embedding beside a LoRA may not be saved as the very file of the LoRA."""
    output, pattern = settings.output, settings.output.name_pattern
    own, beside = (os.path.normcase(os.path.abspath(f)) for f in (output.folder, output.embeddings_folder))  # noqa: PTH100
    if not (settings.has_embeddings_beside() and output.embeddings_folder) or own != beside or pattern_fault(pattern):
        return
    stems = stems_of(pattern, {NAME: output.name})
    for word in learned_words(settings):
        if stems.fullmatch(word.file):
            sentence = f'"{word.file}" would be the file of a LoRA and of an embedding in {output.embeddings_folder}'
            names = ("output.embeddings_folder", "output.folder", word.file_option)
            yield names, f"output.embeddings_folder: {sentence}: choose another folder."
