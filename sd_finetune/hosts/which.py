"""Which kind of WebUI this process is: by what it has, as forks are renamed and forked again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .host import Example
from .webui.needs import NEEDED, lacking

if TYPE_CHECKING:
    from .webui.kind import Kind
    from .webui.webui import WebUI

KINDS = {
    "backend.memory_management": (".forge.kind", "Forge"),
    "ldm_patched.modules.model_management": (".reforge.kind", "ReForge"),
}
"""By a module that only such WebUIs have loaded: which of our modules has their kind, and its class."""
OTHERS = (".a1111.kind", "A1111")
ROOT = Path(__file__).parents[2]


def kind_here() -> Kind:
    """The kind of the WebUI whose process runs us; only its own folder is imported. Raises UserError."""
    name, kind = next((ours for theirs, ours in KINDS.items() if theirs in sys.modules), OTHERS)
    try:
        module = import_module(name, __package__)
    except (ImportError, AttributeError) as error:
        raise not_supported(f"a part ({error})") from error
    _refuse_without(module.NEEDED)
    return getattr(module, kind)()


@cache
def the_webui(example: Example) -> WebUI:
    """The one host of this process, however often the WebUI rebuilds its page.

    Raises:
        UserError: it is a WebUI that we cannot work in.
    """
    _refuse_without(NEEDED)
    kind = kind_here()
    return import_module(".webui.webui", __package__).WebUI(kind, example)


def not_supported(absent: str) -> UserError:
    """Says what there is to do in a WebUI that lacks something."""
    return UserError(
        "SD Fine-Tune works inside AUTOMATIC1111's WebUI, Forge, Forge Neo, reForge and Forge Classic, and not yet "
        f"inside another one such as SD.Next: this WebUI lacks {absent}, which training needs; start the tab in a "
        f'window of its own, with "python install.py ui" in {ROOT}, and copy what it trains to this WebUI\'s folders.'
    )


def _refuse_without(needed: Mapping[str, Sequence[str]]) -> None:
    absent = next(lacking(needed), None)
    if absent is not None:
        raise not_supported(absent)
