"""The images of a folder that can be trained, and what is skipped: one answer for the worker, counts and thumbnails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType

from .cropping import Size
from .folder import Listing, list_folder
from .images import Seen, look_at, upright_size
from .seen_before import FileState, SeenBefore
from .skipped import Skipped, Use

NOTHING: Mapping[str, str] = MappingProxyType({})
REMEMBERED = 50_000
"""Images that a process does not read again as long as they have not changed."""
MOST_WARNINGS = 300
_NOT_THERE = "is among the excluded images and is not there: correct the name if the image was renamed"
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Look:
    """How images are looked at.

    seconds: how long files are read; those that were not read by then count as usable until they are.
    notes: the folder with notes of what was seen, see `SeenBefore`.
    progress: called with (images done, images in all) as they are read, if any have to be.
    """

    seconds: float = float("inf")
    notes: Path | None = None
    progress: Callable[[int, int], None] | None = None


@dataclass
class UsableImages:
    """images: sorted by path. sizes: in pixels, upright, of those that were looked at.

    unchecked: how many of `images` there was no time to look at. excluded: sorted, left out because the user says so.
    """

    images: list[Path] = field(default_factory=list[Path])
    sizes: dict[Path, tuple[int, int]] = field(default_factory=dict[Path, "tuple[int, int]"])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    unchecked: int = 0
    excluded: list[Path] = field(default_factory=list[Path])

    def warnings(self) -> list[str]:
        """A sentence for each file or folder that is skipped."""
        more = len(self.skipped) - MOST_WARNINGS
        rest = [f"Skipped: {more:,} more files, for reasons like these."] if more > 0 else []
        return [*map(str, self.skipped[:MOST_WARNINGS]), *rest]


def usable_images(
    folder: str | Path,
    use: Use = "training",
    without: Mapping[str, str] = NOTHING,
    look: Look | None = None,
    exclude: Collection[str] = (),
) -> UsableImages:
    """The images in `folder` and its sub-folders.

    without: folders whose images are left out where they lie inside, and why, as the rest of a sentence about them.
    exclude: names of images from `folder`, as "sub/1.png", that are left out.

    Raises:
        UserError: as `list_folder`.
    """
    listing, look = list_folder(folder, use), look or Look()
    all_images = list(listing.images)
    _leave_out(listing, _inside(folder, without))
    found = UsableImages(skipped=listing.skipped, excluded=_excluded(listing, Path(folder), exclude))
    before = SeenBefore(look.notes, Path(folder), all_images)
    for path, seen in zip(listing.images, _all_seen(listing.images, before, look), strict=True):
        if seen is not None and seen.why:
            found.skipped.append(Skipped(path, seen.why))
            continue
        found.images.append(path)
        if seen is None:
            found.unchecked += 1
        elif seen.size:
            found.sizes[path] = seen.size
    found.skipped.sort()
    return found


def size_of(image: Path) -> Size:
    """Width and height of an image, upright: as it was seen, or from its header. Raises UserError as `open_image`."""
    seen = _note_of(image).seen
    return seen.size if seen and seen.size else upright_size(image)


def _inside(folder: str | Path, others: Mapping[str, str]) -> dict[Path, str]:
    """Those of the other folders that lie in `folder`."""
    root = Path(folder).resolve()
    real = {Path(other).resolve(): why for other, why in others.items() if other}
    return {other: why for other, why in sorted(real.items()) if root in other.parents}


def _leave_out(listing: Listing, folders: Mapping[Path, str]) -> None:
    """Take the images in these folders off the listing, and what is said of other files there."""
    if not folders:
        return
    above = {path: set(path.resolve().parents) for path in (*listing.images, *(each.path for each in listing.skipped))}
    listing.skipped = [each for each in listing.skipped if above[each.path].isdisjoint(folders)]
    for folder, why in folders.items():
        if any(folder in above[image] for image in listing.images):
            listing.skipped.append(Skipped(folder, why))
    listing.images = [image for image in listing.images if above[image].isdisjoint(folders)]


def _excluded(listing: Listing, folder: Path, names: Collection[str]) -> list[Path]:
    """Take the images of these names off the listing; a name that none has is told."""
    wanted = {folder / name.strip().replace("\\", "/") for name in names if name.strip()}
    excluded = [image for image in listing.images if image in wanted]
    listing.images = [image for image in listing.images if image not in wanted]
    listing.skipped += [Skipped(path, _NOT_THERE) for path in sorted(wanted.difference(excluded))]
    return excluded


@dataclass
class _Note:
    """What is known of a file in one of its states; there is no state of one that is gone."""

    state: FileState | None
    seen: Seen | None = None


def _all_seen(images: list[Path], before: SeenBefore, look: Look) -> list[Seen | None]:
    notes = [_note_of(path) for path in images]
    unread: list[tuple[Path, _Note]] = []
    for path, note in zip(images, notes, strict=True):
        if note.seen is None and note.state:
            note.seen = before.of(path, note.state)
        if note.seen is None:
            unread.append((path, note))
    if unread:
        try:
            _read(unread, len(images), before, look)
        finally:
            before.keep()
    return [note.seen for note in notes]


def _read(unread: Sequence[tuple[Path, _Note]], in_all: int, before: SeenBefore, look: Look) -> None:
    """Look at the files as long as there is time."""
    large_alone, end = Lock(), time.monotonic() + look.seconds

    def read(path: Path, note: _Note) -> None:
        if note.state and time.monotonic() < end:
            note.seen = look_at(path, large_alone)
            before.add(path, note.state, note.seen)

    pool = ThreadPoolExecutor(_THREADS)
    try:
        for done, _ in enumerate(pool.map(read, *zip(*unread, strict=True)), start=in_all - len(unread) + 1):
            if look.progress:
                look.progress(done, in_all)
    finally:
        pool.shutdown(cancel_futures=True)


def _note_of(path: Path) -> _Note:
    try:
        state = FileState.of(path)
    except OSError as error:  # it is gone since it was listed
        return _Note(None, Seen(None, f"cannot be read ({error.strerror})"))
    return _remembered(path if path.is_absolute() else path.absolute(), state)


@lru_cache(maxsize=REMEMBERED)
def _remembered(path: Path, state: FileState) -> _Note:  # pyright: ignore[reportUnusedParameter]
    """The note of a file's state; a file that changes has another one."""
    return _Note(state)
