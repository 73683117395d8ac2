"""Options that some choices of another option use and others do not: of the latter they are refused, not ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .faults import Broken
from .option import AUTO


def unused_options(
    asked: Any, group: str, chooser: str, used: Mapping[str, Collection[str]], noun: str
) -> Iterator[Broken]:
    """Those that are not as they are by default and that the choice made does not use.

    asked: the options of `group`. chooser: the name of the one that chooses. used: by each choice, the options that
    it uses, of those that only some use. noun: what is chosen.
    """
    chosen, default = getattr(asked, chooser), type(asked)()
    for name in sorted({option for options in used.values() for option in options} - set(used[chosen])):
        if getattr(asked, name) != getattr(default, name):
            users = ", ".join(choice for choice, options in used.items() if name in options)
            full_name, chosen_by = f"{group}.{name}", f"{group}.{chooser}"
            sentence = (
                f'{full_name} = {_written(getattr(asked, name))} is not for {chosen_by} "{chosen}", only for {users}'
            )
            way_out = f"set it to {_written(getattr(default, name))}, or choose another {noun}."
            yield (full_name, chosen_by), f"{sentence}: {way_out}"


def _written(value: Any) -> str:
    if value is None:
        return f'"{AUTO}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
