"""torch's compiler front end, `torch._dynamo`, is loaded when something asks for more than to be left alone by it.

Every optimizer of torch and the modules of diffusers import it, although nothing is compiled, and that takes as long as
most of torch. Until it is needed a stand-in answers them: for `disable` and `graph_break` there is nothing to do.
Whatever else is asked, such as by `torch.compile`, gradient checkpointing or bitsandbytes, loads the real one in its
place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo"
ALONE = ("torch._dynamo.external_utils",) if torch.__version__.startswith("2.1.") else ()
"""Modules in the package that need nothing else of it and are imported as they are; torch.distributed 2.1 does."""


class StandIn(ModuleType):
    """In the place of `torch._dynamo` until that is loaded."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.__path__ = [str(Path(torch.__file__).parent / "_dynamo")]
        self._allowed: list[Any] = []

    def disable(self, fn: Callable[..., Any] | None = None, *args: Any, **options: Any) -> Any:
        """The function as it is, or a decorator that leaves one as it is."""
        return _as_it_is if fn is None else fn

    def graph_break(self, *args: Any, **options: Any) -> None:
        """Nothing is compiled here."""

    def allow_in_graph(self, fn: Any) -> Any:
        """What is given; the real one hears of it when it is loaded."""
        self._allowed.append(fn)
        return fn

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # as Python's own look-ups while importing
            raise AttributeError(name)
        return getattr(self.real(), name)

    def real(self) -> Any:
        """Load the real one in the place of this."""
        take_away(self)
        loaded = import_module(NAME)
        while self._allowed:
            loaded.allow_in_graph(self._allowed.pop())
        return loaded


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


class Finder(MetaPathFinder):
    """Loads the real package before any of the modules in it."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith(f"{NAME}.") or fullname in ALONE:
            return None
        self.stand_in.real()
        module = sys.modules.get(fullname)
        if module is None or module.__spec__ is None:
            return None
        module.__spec__.loader = _Loaded(module, module.__spec__.loader)  # or Python would execute it once more
        return module.__spec__


class _Loaded(Loader):
    """Stands for the loader of a module that is there already, until it has been asked for it once."""

    def __init__(self, module: ModuleType, loader: Loader | None) -> None:
        self._module, self._loader = module, loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = self._loader


@contextmanager
def dynamo_on_demand() -> Generator[None, None, None]:
    """While the block runs, `torch._dynamo` is loaded only when it is needed; where it is loaded already, nothing."""
    if NAME in sys.modules:
        yield
        return
    stand_in = StandIn()
    sys.modules[NAME] = stand_in
    _torch()._dynamo = stand_in
    sys.meta_path.insert(0, Finder(stand_in))
    try:
        yield
    finally:
        take_away(stand_in)


def take_away(stand_in: StandIn) -> None:
    """Undo what puts the stand-in in its place, as far as it is there."""
    sys.meta_path[:] = [f for f in sys.meta_path if not (isinstance(f, Finder) and f.stand_in is stand_in)]
    if sys.modules.get(NAME) is stand_in:
        del sys.modules[NAME]
    if vars(torch).get("_dynamo") is stand_in:
        del _torch()._dynamo


def _torch() -> Any:
    return torch
