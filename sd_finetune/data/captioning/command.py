"""Captions by a command of the user's: a program that is started without a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ...readable import is_unicode
from ..caption_text import decoded_text
from .captioner import Captioned
from .process import CommandFailed, output_lines

IMAGE = "{image}"
DEFAULT_SECONDS = 300.0
SHELL_FILES = (".bat", ".cmd")
"""Windows gives their arguments to its shell, which takes some characters of a file's name for commands."""


@dataclass(frozen=True)
class Command:
    """A captioner that starts a program.

    With "{image}" among its words it is started for each image, with the image's path in that place, and all that it
    prints is the caption. Without, it is started once: it is given the paths on its standard input, one a line, and
    prints a line for each in any order: the path, a tab, the caption. Other lines are ignored.

    words: the program and its arguments. folder: where it is started. seconds: how long it may print nothing.
    """

    words: tuple[str, ...]
    folder: Path
    seconds: float = DEFAULT_SECONDS

    def __post_init__(self) -> None:
        if not self.words or not self.words[0].strip():
            raise UserError('The caption command is empty: write the program and its arguments, as ["python", "a.py"].')
        if self.is_for_each_image and Path(self.words[0]).suffix.lower() in SHELL_FILES:
            raise UserError(
                f"{self.words[0]} is run by the shell of Windows, which may take the name of an image for a command: "
                f"start a program instead, or leave out {IMAGE} and read the paths from standard input."
            )

    @property
    def is_for_each_image(self) -> bool:
        """Whether it is started for each image."""
        return any(IMAGE in word for word in self.words)

    @property
    def name(self) -> str:
        """The script that it runs, or else the program: what a person knows it by."""
        scripts = (Path(word).name for word in self.words[1:] if Path(word).suffix.lower() in (".py", ".js", ".sh"))
        return next(scripts, Path(self.words[0]).name)

    def __str__(self) -> str:
        """As in messages."""
        return self.name

    def __call__(self, images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
        """Caption the images. Raises UserError: it cannot be started, or one for all has failed."""
        return self._each(images, stopped) if self.is_for_each_image else self._all(images, stopped)

    def _each(self, images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
        for image in images:
            words = [word.replace(IMAGE, str(image)) for word in self.words]
            text = problem = ""
            try:
                text = self._text(b"".join(output_lines(words, self.folder, b"", self.seconds, stopped)))
            except CommandFailed as error:
                problem = f"{image} has no caption: {error}"
            if stopped():
                return
            yield Captioned(image, text, problem or ("" if text else f"{image} has no caption: {self} printed none."))

    def _all(self, images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
        waiting = {str(image): image for image in images if _fits_in_a_line(image)}
        for image in images:
            if str(image) not in waiting:
                yield Captioned(image, problem=f"{image} has no caption: its name does not fit into a line.")
        paths = "".join(f"{path}\n" for path in waiting).encode()
        for line in output_lines(list(self.words), self.folder, paths, self.seconds, stopped):
            path, tab, rest = line.partition(b"\t")
            image = waiting.pop(path.decode(errors="replace"), None) if tab else None
            if image is not None:
                text = self._text(rest)
                problem = "" if text else f"{image} has no caption: {self} printed none beside its path."
                yield Captioned(image, text, problem)
        if stopped():
            return
        for image in waiting.values():
            yield Captioned(image, problem=f"{image} has no caption: {self} printed no line that begins with it.")

    def _text(self, printed: bytes) -> str:
        """In one line; "" where it is not text."""
        try:
            return " ".join(decoded_text(printed, self).text.split())
        except UserError:
            return ""


def _fits_in_a_line(image: Path) -> bool:
    text = str(image)
    return is_unicode(text) and len(text.splitlines()) == 1 and "\t" not in text
