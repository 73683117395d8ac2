"""The one kind of error whose message is shown to the user."""

from __future__ import annotations

from .readable import readable


class UserError(Exception):
    """A problem that only the user can fix. The message is one sentence: the value, the rule and the way out."""

    def __init__(self, sentence: str) -> None:
        super().__init__(readable(sentence))


class CannotWriteError(UserError):
    """A file cannot be written: the disk is full, or the place is gone or read-only."""


class NotFiniteError(UserError):
    """Values that were trained are NaN or infinite."""
