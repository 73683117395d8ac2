"""What the WebUI knows in prompts and our samples do not: it is refused, as it would be drawn as words."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NETWORK = re.compile(r"<\w+:[^>]+>")
_AND = re.compile(r"\bAND\b")
_BRACKET = re.compile(r"\\.|[()\[\]:|]", re.DOTALL)
_WHEN = re.compile(r":\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")


def unknown_in_prompt(prompt: str, networks: str, is_negative: bool = False) -> str:
    """The rest of a sentence about the first such thing, with the way out; "" where all is well.

    `<lora:x:1>`, `AND` (a word in a negative prompt, as in the WebUI), and `[a:b:0.5]` or `[a|b]`, which change the
    prompt from step to step. networks: the way out of the first.
    """
    network, changing = _NETWORK.search(prompt), next(_changing(prompt), "")
    if network:
        return f'has "{network[0]}", which is not applied here: {networks}.'
    if changing:
        way_out = "write the words that are to count, or brackets as \\[ and \\]"
        return f'has "{changing}", which changes from step to step in the WebUI but not here: {way_out}.'
    if _AND.search(prompt) and not is_negative:
        return 'has "AND", which combines prompts in the WebUI but not here: write it in small letters.'
    return ""


def _changing(prompt: str) -> Iterator[str]:
    """The pairs of square brackets with a time or with alternatives directly inside."""
    opened: list[tuple[str, int, int, bool]] = []
    for mark in _BRACKET.finditer(prompt):
        sign, place = mark[0], mark.start()
        if sign in "([":
            opened.append((sign, place, 0, False))
        elif sign in ":|" and opened:
            bracket, start, colons, bars = opened[-1]
            opened[-1] = (bracket, start, colons + (sign == ":"), bars or sign == "|")
        elif sign in ")]" and opened:
            bracket, start, colons, bars = opened.pop()
            text = prompt[start : place + 1]
            timed = 1 <= colons <= 2 and _WHEN.search(text[:-1])
            if bracket == "[" and sign == "]" and (bars or timed):
                yield text
