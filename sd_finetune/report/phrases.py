"""Finds private texts in other texts by their words, also in part and written otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

Words = tuple[str, ...]

WORD = re.compile(r"[^\W_]+")
RUN = 3
"""This many words of a private text in a row are private; all its words where it has fewer."""


def runs_of(labels: Mapping[str, str]) -> dict[Words, str]:
    """What stands for each run of words of the private texts, by these words in lower case.

    labels: what stands for each private text; of two that share a run, the first one's stands for it.
    """
    texts = reversed(list(labels.items()))
    return {run: label for text, label in texts for form in _forms(text) for run in _runs(_words(form))}


def without_phrases(text: str, runs: Mapping[Words, str]) -> str:
    """`text` with the private runs of words replaced, whatever their case, spaces and punctuation."""
    parts: list[str] = []
    end = 0
    for start, stop, label in _joined(_found(text, runs)):
        parts += [text[end:start], label]
        end = stop
    return "".join([*parts, text[end:]])


def _forms(text: str) -> set[str]:
    """As it is, and as it stands in JSON and in Python's repr, where a letter may be written as a number."""
    return {text, json.dumps(text), repr(text)}


def _words(text: str) -> Words:
    return tuple(match[0].lower() for match in WORD.finditer(text))


def _runs(words: Words) -> Iterator[Words]:
    length = min(RUN, len(words))
    for start in range(len(words) - length + 1):
        if length:
            yield words[start : start + length]


def _found(text: str, runs: Mapping[Words, str]) -> list[tuple[int, int, str]]:
    """Start, end and label of each private run, by where they start, the longest first."""
    places = list(WORD.finditer(text))
    words = [place[0].lower() for place in places]
    found = [
        (places[start].start(), places[start + length - 1].end(), runs[run])
        for length in range(1, RUN + 1)
        for start in range(len(words) - length + 1)
        if (run := tuple(words[start : start + length])) in runs
    ]
    return sorted(found, key=lambda place: (place[0], -place[1]))


def _joined(places: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Those that overlap as one."""
    joined: list[tuple[int, int, str]] = []
    for start, stop, label in places:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop), joined[-1][2])
        else:
            joined.append((start, stop, label))
    return joined
