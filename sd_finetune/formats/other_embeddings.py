"""Embeddings that are in a folder already, and new words that the WebUI would mix up with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from ..settings.learned_words import OF_RUN, LearnedWord, begins_with, pieces

ENDINGS = (".safetensors", ".pt", ".bin")
MOST_FILES = 50_000
"""That are looked at."""
_ADDED = r"(-[0-9]+)?(-step[0-9]+)?"
"""To a name: the number that keeps it from being taken, and the step of an intermediate result."""


def embeddings_in(folder: Path | None) -> dict[Path, str]:
    """The embedding files in a folder and its sub-folders with their names, by which the WebUI knows them."""
    found: dict[Path, str] = {}
    try:
        for path in islice(folder.rglob("*") if folder else (), MOST_FILES):
            if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
                found[path] = path.stem
    except OSError:  # what cannot be read there is not in the way
        pass
    return found


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
