"""The one kind of error that a person is shown as it stands."""

from __future__ import annotations


class UserError(Exception):
    """Something only the person can mend. The message is one sentence: the value, the rule and the way out."""
