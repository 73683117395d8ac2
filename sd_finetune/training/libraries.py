"""Imports the libraries of a worker."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module

from .quick_imports import nothing_collected, unneeded_packages_hidden


@contextmanager
def libraries_imported() -> Generator[None, None, None]:
    """The libraries are imported before the block, and torch's compiler is loaded in it where something compiles."""
    with ExitStack() as while_it_works:
        with nothing_collected(), unneeded_packages_hidden():
            from .dynamo_on_demand import dynamo_on_demand  # loads torch

            while_it_works.enter_context(dynamo_on_demand())
            import_module(".worker", __package__)  # loads the libraries that look for their cache
            from ..families.family import import_libraries

            import_libraries()
        yield
