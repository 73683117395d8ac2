"""What was found out about files, kept as long as they do not change."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from .seen_before import FileState

Rest = ParamSpec("Rest")
Found = TypeVar("Found")


def kept_while_unchanged(
    most: int,
) -> Callable[[Callable[Concatenate[Path, Rest], Found]], Callable[Concatenate[Path, Rest], Found]]:
    """For a function of a file and hashable arguments: keeps its latest answers about files as they are now.

    Raises what the function does, and OSError for a file that is gone.
    """

    def decorate(find: Callable[Concatenate[Path, Rest], Found]) -> Callable[Concatenate[Path, Rest], Found]:
        @lru_cache(maxsize=most)
        def of_state(path: Path, _: FileState, *rest: Rest.args, **more: Rest.kwargs) -> Found:
            return find(path, *rest, **more)

        @wraps(find)
        def of(path: Path, *rest: Rest.args, **more: Rest.kwargs) -> Found:
            return of_state(path.absolute(), FileState.of(path), *rest, **more)

        return of

    return decorate
