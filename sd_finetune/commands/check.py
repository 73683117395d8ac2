"""Check the images of a run: copies, blurred and small ones, and the sizes that they are trained in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..counted import counted
from ..runs.messages import Phase
from ..runs.progress import Progress
from ..settings.options import Settings
from ..settings.toml import value_text
from .settings_file import add_settings_file, settings_of

if TYPE_CHECKING:
    from ..data.bucket_table import Bucket, Fit
    from ..data.image_checks import ImageChecks
    from ..data.usable import UsableImages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_settings_file(parser)
    parser.epilog = "Nothing is changed. The line exclude = [...] can be put under the [[concepts]] of the settings."


def run(options: argparse.Namespace) -> int:
    """Print what was found; 0. Raises UserError for settings that are not valid, and folders that cannot be used."""
    from ..data.bucket_table import bucket_warnings, buckets_of, fits_of  # load Pillow

    settings = settings_of(options)
    fits: list[Fit] = []
    for number, concept in enumerate(settings.concepts, start=1):
        found = _images(settings, number)
        print(f"concept {number}, {concept.folder}: {counted(len(found.images), 'image')}")
        for line in [*found.warnings(), *_told(_checked(settings, number, found), Path(concept.folder))]:
            print(f"  {line}")
        fits += fits_of(found.sizes.items(), settings.data, concept.repeats)
    train = settings.train
    warnings = bucket_warnings(fits, settings.data, train.batch_size, train.devices)
    for line in [*_table(buckets_of(fits)), *warnings]:
        print(line)
    return 0


def _images(settings: Settings, number: int) -> UsableImages:
    from ..data.concepts import folders_beside, training_images
    from ..data.image_cache import notes_in
    from ..data.usable import Look

    concept = settings.concepts[number - 1]
    folders = ((other.class_folder, other.mask_folder) for other in settings.concepts)
    beside = folders_beside(folders, settings.evaluation.used_folder())
    look = Look(notes=notes_in(settings.data.cache_folder))
    return training_images(concept.folder, concept.class_folder, beside, look, concept.exclude)


def _checked(settings: Settings, number: int, found: UsableImages) -> ImageChecks:
    from ..data.image_checks import check_images

    with Progress(sys.stdout) as progress:
        return check_images(
            found.sizes,
            settings.concepts[number - 1].class_folder,
            settings.data,
            progress=lambda done, total: progress.show(Phase(name="checking images", done=done, total=total)),
        )


def _told(checks: ImageChecks, folder: Path) -> Iterator[str]:
    """A line for each image or group of images, and what to exclude."""

    def name(image: Path) -> str:
        return image.relative_to(folder).as_posix()

    better_out = dict[Path, None]()
    for group in checks.alike:
        yield f"look alike: {', '.join(map(name, group))}"
        better_out |= dict.fromkeys(group[1:])
    for image, other in checks.in_class.items():
        yield f"looks like a class image: {name(image)}, like {other}"
    for image in checks.blurred:
        yield f"blurred: {name(image)}"
    for image, scale in checks.small.items():
        yield f"smaller than it is trained: {name(image)}, enlarged {scale:.1f} times"
    better_out |= dict.fromkeys([*checks.in_class, *checks.blurred])
    if better_out:
        yield f"exclude = {value_text([name(image) for image in better_out])}"


def _table(buckets: Sequence[Bucket]) -> Iterator[str]:
    yield counted(len(buckets), "size that images are trained in:", "sizes that images are trained in:")
    for bucket in buckets:
        facts = [
            counted(bucket.images, "image"),
            f"{counted(bucket.examples, 'use')} in an epoch",
            f"{bucket.enlarged} enlarged" if bucket.enlarged else "",
            f"up to {bucket.cut:.0%} cut off" if bucket.cut >= 0.005 else "",
        ]
        yield f"  {bucket.size[0]} x {bucket.size[1]}: {', '.join(filter(None, facts))}"
