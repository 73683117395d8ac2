"""Embeddings that are in a folder already, and new words that the WebUI would mix up with them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ..errors import UserError
from ..settings.learned_words import OF_RUN, LearnedWord, begins_with, pieces
from .image_file import may_have_embedding

ENDINGS = (".safetensors", ".pt", ".bin")
MOST_FILES = 50_000
"""That are looked at."""
LOOK_SECONDS = 0.5
"""How long images are read; the next look goes on with those that it has not come to."""
_ADDED = r"(-[0-9]+)?(-step[0-9]+)?"
"""To a name: the number that keeps it from being taken, and the step of an intermediate result."""


def embeddings_in(folder: Path | None, seconds: float = LOOK_SECONDS) -> dict[Path, str]:
    """The embeddings in a folder and its sub-folders with their names, by which the WebUI knows them.

    seconds: how long it is looked for those that are in images, of which most are previews.
    """
    found: dict[Path, str] = {}
    images: list[Path] = []
    try:
        for path in islice(folder.rglob("*") if folder else (), MOST_FILES):
            if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
                found[path] = path.stem
            elif may_have_embedding(path):
                images.append(path)
    except OSError:  # what cannot be read there is not in the way
        pass
    until = time.monotonic() + seconds
    names = ((path, _known_name(path, until)) for path in images)
    return found | {path: name for path, name in names if name}


@dataclass
class _Note:
    """Of an image. seen: its size and time of change when it was read. name: of the embedding in it, or empty."""

    seen: tuple[int, int] | None = None
    name: str = ""


@lru_cache(maxsize=MOST_FILES)
def _note_of(path: Path) -> _Note:
    return _Note()


def _known_name(path: Path, until: float) -> str:
    """The name of the embedding in an image; empty without one, or where there is no time left to read it."""
    note = _note_of(path)
    try:
        facts = path.stat()
    except OSError:
        return ""
    now = (facts.st_size, facts.st_mtime_ns)
    if note.seen != now and time.monotonic() < until:
        note.seen, note.name = now, _name_in(path)
    return note.name if note.seen == now else ""


def _name_in(path: Path) -> str:
    from .image_embedding import embedding_in  # which takes numpy and Pillow

    try:
        return str(embedding_in(path).get("name", path.stem))
    except UserError:  # which the WebUI cannot use either
        return ""


def asked_name(word: LearnedWord) -> str:
    """The name of a word's file as it was asked for, without the number of one that was taken."""
    return word.word if re.fullmatch(re.escape(word.word) + _ADDED, word.file, re.IGNORECASE) else word.file


def is_named_after(name: str, word: LearnedWord) -> bool:
    """Whether a file may be a result of the same word, of this run or an earlier one."""
    return bool(re.fullmatch(re.escape(asked_name(word)) + _ADDED, name, re.IGNORECASE))


def in_the_way(word: LearnedWord, others: Mapping[Path, str]) -> Iterator[str]:
    """A sentence for the first embedding that prompts would mix up with the word; the WebUI finds the longest name."""
    own = asked_name(word)
    option = "output.name" if word.place == OF_RUN else word.option if own == word.word else f"{word.place}.word_file"
    for path, name in sorted(others.items()):
        if pieces(name) == pieces(own):
            problem = f'"{own}" is the name of another embedding ({path}), which the WebUI uses for it in prompts'
        elif begins_with(name, own):
            problem = f'The WebUI reads "{name}" in a prompt as another embedding ({path}), and not as "{own}"'
        elif begins_with(own, name):
            problem = f'The WebUI will read "{own}" in a prompt as the new word, no more as "{name}" ({path})'
        else:
            continue
        yield f"{problem}: change {option}, or rename that file."
        return
