"""What the last Caption all of a project has done: which captions it wrote, so that they can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...counted import counted
from ...data.caption_writing import write_caption
from ...data.captions import CaptionReader
from ...errors import UserError
from ...runs.folder import RunFolder
from ...runs.json_lines import append_line, read_lines
from ...runs.messages import Warning_, read_events
from ...settings.read import as_far_as_valid
from .project import CAPTIONINGS, Project, entries
from .saving import saving

WRITTEN = "written.jsonl"
"""In the folder of the job: a line for each caption, with `image`, what `was` there, and what is there `now`."""


def note_written(run: RunFolder, image: Path, was: str | None, now: str) -> None:
    """Note that a caption was written; `was` is None where what was there could not be read."""
    append_line(run.path / WRITTEN, {"image": str(image), "was": was, "now": now})


def last_captioning(project: Project) -> dict[str, Any]:
    """`problems`: sentences about images without a caption. `undoable`: how many captions can be taken back."""
    run = _last(project)
    events = read_events(run.events)[0] if run else []
    problems = [event.message for event in events if isinstance(event, Warning_)]
    return {"problems": problems, "undoable": len(_written(run))}


def undo_captioning(project: Project) -> str:
    """Put back what stood there before; a sentence on that. What was changed since stays. Raises UserError."""
    run = _last(project)
    written = _written(run)
    if run is None or not written:
        raise UserError(f'No captions were made for "{project.name}" since the last undo, so there is nothing to undo.')
    options = as_far_as_valid(project.settings()).captions
    undone, stay = 0, list[str]()
    for image, was, now in written:
        try:
            with saving(project.folder.parent):
                theirs = write_caption(image, was, CaptionReader([str(image.parent)], options), was=now)
        except UserError as error:
            stay.append(str(error))
        else:
            undone += theirs is None
            stay += [f"{image} was given another caption since, which stays."] if theirs is not None else []
    (run.path / WRITTEN).unlink(missing_ok=True)
    others = f" {counted(len(stay), 'caption')} left as they are: {stay[0]}" if stay else ""
    return f"Took back {counted(undone, 'caption')}.{others}"


def _last(project: Project) -> RunFolder | None:
    folders = entries(project.folder / CAPTIONINGS)
    return RunFolder(folders[-1]) if folders else None


def _written(run: RunFolder | None) -> list[tuple[Path, str, str]]:
    """The image, what was there, and what was written."""
    lines = read_lines(run.path / WRITTEN)[0] if run else []
    found = [(line.get("image"), line.get("was"), line.get("now")) for line in lines]
    return [
        (Path(image), was, now)
        for image, was, now in found
        if isinstance(image, str) and isinstance(was, str) and isinstance(now, str)
    ]
