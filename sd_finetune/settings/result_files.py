"""The files that a run saves as its result: one, or one for each new word, or a LoRA and its words."""

from __future__ import annotations

from dataclasses import dataclass

from .learned_words import LearnedWord, learned_words
from .methods import ResultKind
from .options import Settings


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
