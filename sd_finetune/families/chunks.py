"""Prompts in chunks of 75 tokens, each of which the text encoder takes by itself, cut where the WebUI cuts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..settings.groups.captions import CHUNK_TOKENS

BACKTRACK = 20
"""A full chunk ends after its last comma, if fewer tokens than these stand behind: the WebUI's default."""


@dataclass(frozen=True)
class Piece:
    """What is never split: a token, or a new word. tokens: the prompt's. ids: what the text encoder gets for them."""

    tokens: tuple[int, ...]
    ids: tuple[int, ...]
    weight: float = 1.0


@dataclass
class Chunk:
    """Up to 75 ids; start, end and padding come to them."""

    pieces: list[Piece] = field(default_factory=list[Piece])

    def ids(self, start: int, end: int, padding: int) -> list[int]:
        """All 77."""
        own = [one for piece in self.pieces for one in piece.ids]
        return [start, *own, end, *[padding] * (CHUNK_TOKENS - len(own))]

    def weights(self) -> list[float]:
        """Of all 77."""
        own = [piece.weight for piece in self.pieces for _ in piece.ids]
        return [1.0, *own, *[1.0] * (CHUNK_TOKENS + 1 - len(own))]

    def room(self) -> int:
        """For so many ids more."""
        return CHUNK_TOKENS - sum(len(piece.ids) for piece in self.pieces)

    def give_away(self, comma: int) -> list[Piece]:
        """Take out what stands behind the last comma, if that is little enough."""
        commas = [place for place, piece in enumerate(self.pieces) if piece.tokens == (comma,)]
        behind = self.pieces[commas[-1] + 1 :] if commas else []
        if sum(len(piece.ids) for piece in behind) >= BACKTRACK:
            return []
        del self.pieces[len(self.pieces) - len(behind) :]
        return behind


def split_into_chunks(
    texts: Sequence[Iterable[Piece]], comma: int, most: int | None = None
) -> tuple[list[Chunk], list[Piece]]:
    """At least one chunk and at most `most`, and what is cut off, as there is no room for it.

    What does not fit begins a new chunk, with what stands behind the last comma of the full one; the last of `most`
    chunks is filled to its end.

    Args:
        texts: each but the first begins a chunk (BREAK).
        comma: the token of a comma.
    """
    chunks: list[Chunk] = []
    cut: list[Piece] = []
    for text in texts:
        chunks.append(Chunk())
        for piece in text:
            if cut or not _add(chunks, piece, comma, most):
                cut.append(piece)
    if len(chunks) > 1 and not chunks[-1].pieces:
        chunks.pop()
    return chunks[:most], cut


def _add(chunks: list[Chunk], piece: Piece, comma: int, most: int | None) -> bool:
    """Add a piece to the last chunk or to a new one; False where that would be one too many."""
    if most is not None and len(chunks) > most:
        return False
    if chunks[-1].room() == 0 and piece.tokens != (comma,) and len(chunks) != most:
        chunks.append(Chunk(chunks[-1].give_away(comma)))
    if chunks[-1].room() < len(piece.ids):
        if len(chunks) == most:
            return False
        chunks.append(Chunk())
    chunks[-1].pieces.append(piece)
    return True
