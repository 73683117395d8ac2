r"""What stands in a prompt beside words, as the WebUI reads it: emphasis and BREAK. Standard library only.

weight_fault(prompt): why it cannot be read, as a sentence; "" where it can.
weighted_texts(prompt): "(a:1.2) b" in pieces with their weights. (a) weighs 1.1, [a] 1/1.1, inside others the product;
\( \) \[ \] and \\ are the characters themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import UserError

STRONGER, WEAKER = 1.1, 1 / 1.1
BREAK = "BREAK"
BREAK_WEIGHT = -1.0
"""Marks a BREAK, which is one only while no bracket has changed that: the WebUI reads those as a word."""

_MARK = re.compile(
    r"\\(?P<escaped>[()\[\]\\]?)"
    r"|:\s*(?P<weight>[+-]?[.\d]+)\s*\)"
    r"|(?P<bracket>[()\[\]])"
    r"|(?P<words>[^\\()\[\]:]+|:)"
)
_BREAK = re.compile(rf"\s*\b{BREAK}\b\s*")


@dataclass
class WeightedText:
    """A piece of a prompt, and what the states of its tokens are multiplied by."""

    text: str
    weight: float = 1.0

    @property
    def is_break(self) -> bool:
        """Whether a new chunk begins here."""
        return (self.text, self.weight) == (BREAK, BREAK_WEIGHT)


def weight_fault(prompt: str) -> str:
    """A sentence about a weight that is not a number, "" where there is none; quicker than all pieces."""
    opened = 0
    for mark in _MARK.finditer(prompt):
        if mark[0] == "(":
            opened += 1
        elif opened and (mark["weight"] is not None or mark[0] == ")"):
            opened -= 1
            try:
                _number(mark["weight"] or "1", prompt)
            except UserError as error:
                return str(error)
    return ""


def weighted_texts(prompt: str) -> list[WeightedText]:
    """The pieces of a prompt by weight, at least one.

    Raises:
        UserError: a weight is not a number.
    """
    pieces: list[WeightedText] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for mark in _MARK.finditer(prompt):
        if mark["escaped"] is not None:
            pieces.append(WeightedText(mark["escaped"]))
        elif mark[0] in opened:
            opened[mark[0]].append(len(pieces))
        elif mark["weight"] is not None and opened["("]:
            _multiply(pieces[opened["("].pop() :], _number(mark["weight"], prompt))
        elif mark[0] == ")" and opened["("]:
            _multiply(pieces[opened["("].pop() :], STRONGER)
        elif mark[0] == "]" and opened["["]:
            _multiply(pieces[opened["["].pop() :], WEAKER)
        else:
            pieces += _with_breaks(mark[0])
    for bracket, factor in (("(", STRONGER), ("[", WEAKER)):  # what is not closed goes on to the end
        for start in opened[bracket]:
            _multiply(pieces[start:], factor)
    return _joined(pieces or [WeightedText("")])


def _multiply(pieces: list[WeightedText], factor: float) -> None:
    for piece in pieces:
        piece.weight *= factor


def _number(text: str, prompt: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(
            f'"{text}" in the prompt "{prompt}" is not a number: write a weight like (word:1.2).'
        ) from error


def _with_breaks(words: str) -> Iterator[WeightedText]:
    first, *rest = _BREAK.split(words)
    yield WeightedText(first)
    for after in rest:
        yield WeightedText(BREAK, BREAK_WEIGHT)
        yield WeightedText(after)


def _joined(pieces: list[WeightedText]) -> list[WeightedText]:
    """Neighbors of one weight are one text, whose words may go across: "un(" in "un\\(done"."""
    joined = pieces[:1]
    for piece in pieces[1:]:
        if piece.weight == joined[-1].weight:
            joined[-1].text += piece.text
        else:
            joined.append(piece)
    return joined
