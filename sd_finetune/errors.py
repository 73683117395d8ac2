"""The one kind of error whose message is shown to the user."""

from __future__ import annotations


class UserError(Exception):
    """A problem that only the user can fix. The message is one sentence: the value, the rule and the way out."""
