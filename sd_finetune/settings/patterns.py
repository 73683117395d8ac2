"""Regular expressions that somebody else may have written, as in a shared preset: only those that end in good time.

Python's `re` tries all ways to share a text out among repeats and choices, and nothing can interrupt it: the tab, which
counts the layers that a pattern finds, would stand still, and the WebUI with it.

pattern_fault(text) -> what is wrong with one, or ""
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from math import comb, prod
from typing import Any

_PARSER = "re._parser" if sys.version_info >= (3, 11) else "sre_parse"
LONGEST = 80
"""Letters of a layer's name, about."""
MOST_WAYS = 500_000
"""To share a name out: two repeats of any length and a few choices, which is some milliseconds for a name."""


class _Nested(Exception):
    """A repeat or a choice is within a repeat, so that the ways double with each letter."""


def pattern_fault(text: str) -> str:
    """Why a text is no pattern that can be looked for, to go after it; "" if it is one."""
    try:
        re.compile(text)
        parsed = import_module(_PARSER).parse(text)
        factors, rounds = list(_factors(parsed, within=False)), _rounds(parsed)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a regular expression ({error}): correct it"
    except _Nested:
        return "has a repeat or a choice within a repeat, which may be tried for hours: write it without"
    wide = factors.count(0) + 1  # what stands before it can be of any length, too
    ways = prod(filter(None, factors)) * comb(LONGEST + wide, wide)
    if ways * max(rounds, 1) > MOST_WAYS:
        problem = "has too many repeats and choices, which may be tried for hours"
        return f"{problem}: use two like .* at most, none at its start or end"
    return ""


def _factors(parsed: Any, within: bool) -> Iterator[int]:
    """How many ways each part adds, 0 for a repeat of any length. within: whether a repeat is around it."""
    for kind, content in parsed:
        several, inner = _parts_of(str(kind), content)
        if several is not None:
            if within:
                raise _Nested
            yield several
        repeats = str(kind).endswith("_REPEAT") and content[1] > 1
        for part in inner:
            yield from _factors(part, within or repeats)


def _rounds(parsed: Any) -> int:
    """How often repeats are gone through whatever the name is, as `(?:){1000}` is, which takes none of its letters."""
    rounds = 0
    for kind, content in parsed:
        _, inner = _parts_of(str(kind), content)
        within = sum(map(_rounds, inner))
        least = content[0] if str(kind).endswith("_REPEAT") else 0
        rounds += least * max(within, 1) if least > 1 else within
    return rounds


def _parts_of(kind: str, content: Any) -> tuple[int | None, list[Any]]:
    """The ways of one part, None where there is one, and the parts in it."""
    if kind.endswith("_REPEAT"):
        least, most, body = content
        ways = None if least == most else 2 if most - least == 1 else 0
        return ways, [body]
    if kind == "BRANCH":
        return len(content[1]), list(content[1])
    if kind == "GROUPREF_EXISTS":
        return None, [part for part in content[1:] if part is not None]
    if kind in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
        return None, [content[-1]]
    return None, [content] if kind == "ATOMIC_GROUP" else []
