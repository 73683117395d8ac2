"""The names of results' files by a pattern such as "{name}-{step:06d}".

    stem_of(pattern, fields, step, epoch, is_final) -> the name without an ending
    stems_of(pattern, fields) -> a regular expression for those of all steps, on the way too
    pattern_fault(pattern) -> a sentence, or ""
    fields_of(settings, name, date) -> what stands for the words that do not change in a run

A result on the way has its step in its name, whatever the pattern says: those of a run never replace each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PureWindowsPath
from string import Formatter

from .options import Settings

NAME, STEP, EPOCH = "name", "step", "epoch"
KNOWN = (NAME, "method", "base", "date", STEP, EPOCH)
PLAIN = f"{{{NAME}}}"
_DIGITS = re.compile(r"(0\d)?d?")
"""Formats of a number: as it is, or with so many digits at least, of which the first are zeros."""
_SEVERAL_NUMBERS = re.compile(r"(?:\[0-9\]\+){2,}")
_MODEL_ENDING = re.compile(r"\.(safetensors|ckpt)$", re.IGNORECASE)


def fields_of(settings: Settings, name: str, date: str) -> dict[str, str]:
    """date: of the run, as in 2026-11-27."""
    base = _MODEL_ENDING.sub("", PureWindowsPath(settings.base.checkpoint).name)
    usable = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in base)
    return {NAME: name, "method": settings.method, "base": usable, "date": date}


def stem_of(pattern: str, fields: Mapping[str, str], step: int, epoch: int, is_final: bool) -> str:
    """The name after `step` steps, in the `epoch`th epoch."""
    numbers = {STEP: step, EPOCH: epoch}
    pieces = (
        literal + (format(numbers[field], spec) if field in numbers else fields.get(field, ""))
        for literal, field, spec in _pieces(pattern)
    )
    return "".join(pieces) + ("" if is_final or _has_step(pattern) else f"-step{step:06d}")


def stems_of(pattern: str, fields: Mapping[str, str]) -> re.Pattern[str]:
    """Of all results of a run on the way and at its end; what `fields` lacks can be anything."""
    anything = {STEP: "[0-9]+", EPOCH: "[0-9]+", "": ""}
    whole = "".join(
        re.escape(literal) + (re.escape(fields[field]) if field in fields else anything.get(field, ".+"))
        for literal, field, _ in _pieces(pattern)
    )
    whole = _SEVERAL_NUMBERS.sub("[0-9]+", whole)  # which match the same, and would be tried in each way to cut digits
    return re.compile(whole + ("" if _has_step(pattern) else "(-step[0-9]+)?"), re.IGNORECASE)


def pattern_fault(pattern: str) -> str:
    """What is wrong with a pattern, to go after a colon; "" if nothing is but perhaps the name that it gives."""
    known = ", ".join(f"{{{word}}}" for word in KNOWN)
    try:
        pieces = list(_pieces(pattern))
    except ValueError:
        return f"each brace needs its other one, around one of {known}"
    for _, field, spec in pieces:
        if field and field not in KNOWN:
            return f"{{{field}}} is none of {known}"
        if spec and (field not in (STEP, EPOCH) or not _DIGITS.fullmatch(spec)):
            return f"{{{field}:{spec}}} is not possible, use {{{field}}}" + (
                f" or {{{field}:06d}}" if field in (STEP, EPOCH) else ""
            )
    if not any(field == NAME for _, field, _ in pieces):
        return f"it needs {PLAIN}, which tells the results of a project apart"
    return ""


def _has_step(pattern: str) -> bool:
    return any(field == STEP for _, field, _ in _pieces(pattern))


def _pieces(pattern: str) -> Iterator[tuple[str, str, str]]:
    """Text, the word in braces behind it, and its format. Raises ValueError for braces that are not in pairs."""
    for literal, field, spec, conversion in Formatter().parse(pattern):
        if field == "" or conversion or "{" in (spec or ""):
            raise ValueError("no word")
        yield literal, field or "", spec or ""
