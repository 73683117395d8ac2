"""The parts of a checkpoint, and which of them a file lacks; needs no torch.

missing_parts(base, names) -> titles of the parts of which the file has nothing
refuse_missing_parts(path, facts, names): UserError that names them
in_words(titles) -> "VAE, CLIP-L and CLIP-G"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..families.recognition import OTHER_PARTS
from ..families.table import FAMILIES


def missing_parts(base: str, names: Iterable[str]) -> list[str]:
    """The titles of the parts of which there is not one tensor. base: as `classify` finds it, "" if it is unknown."""
    return _missing(_starts_of(FAMILIES[base]) if base in FAMILIES else OTHER_PARTS, names)


def refuse_missing_parts(path: Path, facts: FamilyFacts, names: Iterable[str]) -> None:
    """Raise UserError if a file of the family has nothing of a part."""
    starts = _starts_of(facts)
    missing = _missing(starts, names)
    if missing:
        alone = (
            " (a UNet alone, to which Forge adds the rest from other files)" if len(missing) == len(starts) - 1 else ""
        )
        raise UserError(
            f"{path} is of {facts.title}, without {in_words(missing)}{alone}: choose a whole checkpoint, with "
            f"{in_words(list(starts))}."
        )


def in_words(titles: Sequence[str]) -> str:
    """As in "VAE, CLIP-L and CLIP-G"."""
    return f"{', '.join(titles[:-1])} and {titles[-1]}" if len(titles) > 1 else titles[0]


def _starts_of(facts: FamilyFacts) -> Mapping[str, tuple[str, ...]]:
    return {facts.part_titles[part]: (start,) for part, start in facts.part_prefixes.items()}


def _missing(starts: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [title for title, start in starts.items() if not any(name.startswith(start) for name in listed)]
