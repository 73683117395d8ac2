"""Which kind of WebUI this process is: by what it has, as forks are renamed and forked again."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module

from .host import Example
from .webui.kind import Kind
from .webui.webui import WebUI


def kind_here() -> Kind:
    """The kind of the WebUI whose process runs us; only its own folder is imported."""
    if "backend.memory_management" in sys.modules:
        return import_module(".forge.kind", __package__).Forge()
    if "ldm_patched.modules.model_management" in sys.modules:
        return import_module(".reforge.kind", __package__).ReForge()
    return import_module(".a1111.kind", __package__).A1111()


@cache
def the_webui(example: Example) -> WebUI:
    """The one host of this process, however often the WebUI rebuilds its page."""
    return WebUI(kind_here(), example)
