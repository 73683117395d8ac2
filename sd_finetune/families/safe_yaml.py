"""YAML that somebody else wrote: no tags that make objects, no aliases, bounded in size and depth."""

from __future__ import annotations

from typing import Any, cast

import yaml

MOST_YAML_BYTES = 64 * 1024
"""A config of LDM has 2 KB."""
MOST_YAML_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """A few lines of aliases can stand for billions of values, and deep nesting takes quadratic time."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if cast("Any", self).check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        self.depth += 1
        if self.depth > MOST_YAML_DEPTH:
            raise yaml.YAMLError("nested too deep")
        node = cast("Any", super()).compose_node(parent, index)
        self.depth -= 1
        return node


def load_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises:
        ValueError: it is not YAML, or is beyond the bounds.
    """
    if len(text) > MOST_YAML_BYTES:
        raise ValueError("too long")
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError("not YAML") from error
