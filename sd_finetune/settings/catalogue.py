"""Every option by its full name, as "lora.rank" or "concepts.folder"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from .methods import ALL_METHODS
from .option import Option
from .options import Settings


@dataclass(frozen=True)
class Member:
    """A field of a group of settings: an option, a group (`group`), or a list of groups (`group`, `is_list`)."""

    name: str
    kind: Any
    option: Option | None
    group: type | None
    is_list: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that an option, or at least one option of a group, has an effect on."""
        if self.option is not None:
            return self.option.methods
        own = {method for member in members(self.group) for method in member.methods}
        return tuple(method for method in ALL_METHODS if method in own)


@cache  # evaluating annotations takes milliseconds, and every sentence of the tab asks for all options
def members(group: Any) -> tuple[Member, ...]:
    """The fields of a group, in the order in which they are written."""
    kinds = get_type_hints(group)
    return tuple(_member(entry.name, kinds[entry.name], entry.metadata.get("option")) for entry in fields(group))


@cache
def all_options(group: type = Settings, prefix: str = "") -> Mapping[str, Member]:
    """The options of a group and of the groups in it, by full name."""
    found: dict[str, Member] = {}
    for member in members(group):
        if member.group is None:
            found[prefix + member.name] = member
        else:
            found.update(all_options(member.group, f"{prefix}{member.name}."))
    return MappingProxyType(found)


def _member(name: str, kind: Any, facts: Option | None) -> Member:
    if facts is not None:
        return Member(name, kind, facts, group=None, is_list=False)
    inner: tuple[type, ...] = get_args(kind)  # Concept, of tuple[Concept, ...]
    return Member(name, kind, None, group=inner[0] if inner else kind, is_list=bool(inner))
