"""What makes captions, and how they are kept beside those that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

from ...counted import counted
from ...errors import UserError
from ..caption_writing import own_text
from ..captions import CaptionReader
from ..images import open_image
from .existing import Existing

JOINED_BY = ", "
MOST_FAILURES = 5
"""From the first image on without one that worked: what fails so often fails always."""


@dataclass(frozen=True)
class Captioned:
    """The caption of an image, in one line; or the `problem`, a sentence, where none was made."""

    image: Path
    text: str = ""
    problem: str = ""


Write = Callable[[Path, str, "str | None"], "str | None"]


class Captioner(Protocol):
    """Makes captions; a command is one."""

    def __call__(self, images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
        """Yields each image as soon as it has a caption, in any order; ends soon after `stopped()` is True.

        Raises:
            UserError: it cannot go on.
        """
        ...


@dataclass
class Outcome:
    """wanted, written: numbers of images. problems: sentences about images. failure: why it ended early, or ""."""

    wanted: int = 0
    written: int = 0
    problems: list[str] = field(default_factory=list[str])
    failure: str = ""
    stopped: bool = False

    def __str__(self) -> str:
        """In a sentence or two."""
        if not self.wanted:
            return "Every image has a caption already, so nothing was changed."
        done = f"Captioned {self.written:,} of {counted(self.wanted, 'image')}."
        if self.failure:
            return f"{self.failure} {done}"
        if self.stopped:
            return f"Captioning was stopped. {done}"
        first = f" No caption for {counted(len(self.problems), 'image')}: {self.problems[0]}" if self.problems else ""
        return done + first


def caption_all(
    images: Sequence[Path],
    captioner: Captioner,
    existing: Existing,
    captions: CaptionReader,
    write: Write,
    tell: Callable[[int, int], None] = lambda done, total: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Caption the images, each of which is written as soon as its caption is made.

    What somebody else writes meanwhile stays.

    Args:
        captions: reads those that are there.
        write: as `caption_writing.write_caption`, without the reader.
        tell: is called with the number of images that are done, and of all that get a caption.
    """
    were = {image: _own(image, captions) for image in images}
    wanted = [image for image in images if existing != "keep" or were[image] == ""]
    outcome = Outcome(len(wanted))
    if not wanted:
        return outcome
    tell(0, len(wanted))
    try:
        for done, made in enumerate(captioner(wanted, stopped), start=1):
            problem = made.problem or _written(made, were[made.image], existing, write)
            if problem:
                outcome.problems.append(problem)
            else:
                outcome.written += 1
            tell(done, len(wanted))
            if done == len(outcome.problems) == MOST_FAILURES < len(wanted):
                raise UserError(f"None of the first {MOST_FAILURES} images got a caption, so it ended: {problem}")
    except UserError as error:
        outcome.failure = str(error)
    outcome.stopped = stopped() and outcome.written + len(outcome.problems) < outcome.wanted
    return outcome


def _own(image: Path, captions: CaptionReader) -> str | None:
    """What stands there now, "" for nothing; None if that cannot be read."""
    try:
        return own_text(captions.of(image))
    except UserError:
        return None


def _written(made: Captioned, was: str | None, existing: Existing, write: Write) -> str:
    """Write it in the place of what was there; the problem, "" if there is none."""
    if was is None and existing != "replace":
        return f"{made.image} has a caption that cannot be read: correct its file, or replace it."
    try:
        theirs = write(made.image, _joined(made.text, was or "", existing), was)
    except UserError as error:
        return str(error)
    return f"{made.image} was given another caption meanwhile, which stays." if theirs is not None else ""


def _joined(new: str, old: str, existing: Existing) -> str:
    """The new caption at each line of the old one."""
    if existing not in ("before", "after") or not old:
        return new
    pairs = [(new, line) if existing == "before" else (line, new) for line in old.splitlines()]
    return "\n".join(JOINED_BY.join(filter(None, (text.strip(" ,") for text in pair))) for pair in pairs)


def by_model(ready: Callable[[], AbstractContextManager[Callable[[Image.Image], str]]]) -> Captioner:
    """A captioner of a model in this process.

    Args:
        ready: makes the model ready while the block runs; what it yields captions an upright RGB image.
    """

    def captioned(images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
        with ready() as caption:
            for image in images:
                if stopped():
                    return
                try:
                    text = " ".join(caption(open_image(image)).split())
                except UserError as error:
                    yield Captioned(image, problem=str(error))
                except Exception as error:  # whatever a model of others raises, the next image may be fine
                    yield Captioned(image, problem=f"{image} has no caption ({type(error).__name__}: {error}).")
                else:
                    yield Captioned(image, text, "" if text else f"{image} has no caption: the model says nothing.")

    return captioned
