"""The base checkpoint of a project, changed afterwards."""

from __future__ import annotations

from ...errors import UserError
from ...formats.usable_base import refuse_unusable_base
from ...hosts.host import Host
from ...settings.plain import text, with_values
from .creating import checkpoint_file, chosen_title
from .project import Project
from .wording import in_the_tab


def change_base(host: Host, project: Project, checkpoint: str | None) -> None:
    """Let a project start from another checkpoint; its runs keep theirs.

    Args:
        checkpoint: a title from the host's list, or the path of a file; None: the loaded one.

    Raises:
        UserError: there is no such checkpoint, it cannot be trained, or the project continues from what belongs to
            its own.
    """
    checkpoint = chosen_title(host, checkpoint)
    path = checkpoint_file(host, checkpoint)
    stored = project.read()
    settings = stored["settings"]
    changed = with_values(settings, {"base.checkpoint": str(path), "base.config": ""})
    if str(path) == text(settings, "base.checkpoint"):
        changed = settings
    elif stored["origin"]:
        of = stored["origin"]["of"]
        raise UserError(
            f'"{project.name}" continues from a snapshot of {of}, which belongs to its base checkpoint: create a new '
            f"project from {path.name}."
        )
    refuse_unusable_base(path)
    project.write_base(path.name if checkpoint == str(path) else checkpoint, changed)


def base_fault(host: Host, checkpoint: str | None) -> tuple[str, str]:
    """What was chosen, and why it cannot be trained from; "" if it can. checkpoint: as above."""
    try:
        checkpoint = chosen_title(host, checkpoint)
        refuse_unusable_base(checkpoint_file(host, checkpoint))
    except UserError as error:
        return checkpoint or "", in_the_tab(str(error), "create")
    return checkpoint, ""
