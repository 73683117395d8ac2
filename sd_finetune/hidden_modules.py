"""Modules that count as not installed for a while, as others would import them for nothing."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def hidden(names: Iterable[str]) -> Generator[None, None, None]:
    """While the block runs, these modules are not to be found; those imported before stay."""
    modules = cast("dict[str, Any]", sys.modules)
    hidden_here = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden_here))  # None there is what Python takes for a module that is not to be found
    try:
        yield
    finally:
        for name in hidden_here:
            modules.pop(name, None)
