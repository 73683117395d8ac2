"""What is said of words on the command line that are none of a command's arguments."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

LONGEST = 80
"""Letters of a word that is compared, which takes the square of them."""


def refuse_unknown_command(parser: argparse.ArgumentParser, words: Sequence[str], commands: Iterable[str]) -> None:
    """End with a sentence if the first word is to be a command and there is none of that name."""
    if words and not words[0].startswith("-") and words[0] not in commands:
        parser.error(f'"{words[0][:LONGEST]}" is not a command{meant(words[0], commands) or ": --help lists them"}')


def refuse_unknown_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """End with a sentence if there are words that the command's `parser` has no use for."""
    if not words:
        return
    word = words[0]
    name, command = word.partition("=")[0], parser.prog.rpartition(" ")[2]
    options = [name for action in parser._actions for name in action.option_strings]  # pyright: ignore[reportPrivateUsage]
    if word.startswith("-"):
        parser.error(f"{name[:LONGEST]} is not an option of {command}{meant(name, options) or ': --help lists them'}")
    parser.error(f'"{word[:LONGEST]}" is one word too many for {command}: put a name with spaces in quotes')


def meant(word: str, known: Iterable[str]) -> str:
    """The known words that are most like it, as the rest of a sentence; empty if none is."""
    near = get_close_matches(word.lower(), list(known), n=3, cutoff=0.6) if len(word) <= LONGEST else []
    return f": did you mean {' or '.join(filter(None, [', '.join(near[:-1]), near[-1]]))}?" if near else ""
