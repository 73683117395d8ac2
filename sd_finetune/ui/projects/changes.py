"""Changes to a project's settings by several pages at once: each tells what it read and what shall stand there now."""

from __future__ import annotations

from typing import Any, cast

from ...errors import UserError
from ...settings.keepable import refuse_unkeepable_value
from ...settings.plain import value_at, with_value
from .project import Project


def change_settings(project: Project, changes: Any) -> dict[str, Any]:
    """Put changes into the settings; returns those that were not, by name, with the value that stands there.

    A change is not made where somebody else has changed the same value since it was read: theirs stands. To be called
    by one at a time.

    Args:
        changes: by name ("method", "train.length", "concepts") what `was` read and what is to be there `now`; None is
            a value that is left out.

    Raises:
        UserError: they are no such changes, or the project is gone.
    """
    wanted = _checked(changes)
    settings = before = project.settings()
    theirs: dict[str, Any] = {}
    for name, change in wanted.items():
        stands = value_at(settings, name)
        if stands in (change["was"], change["now"]):
            settings = with_value(settings, name, change["now"])
        else:
            theirs[name] = stands
    if settings != before:
        project.replace_settings(settings)
    return theirs


def _checked(changes: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(changes, dict):
        raise UserError('changes is missing: send {"changes": {"train.length": {"was": ..., "now": ...}}}.')
    table = cast("dict[str, Any]", changes)
    for name, change in table.items():
        if not isinstance(change, dict) or set(cast("dict[str, Any]", change)) != {"was", "now"}:
            raise UserError(f'The change of {name[:100]} is not valid: send {{"was": ..., "now": ...}}.')
        refuse_unkeepable_value(name, change["now"])
    return table
