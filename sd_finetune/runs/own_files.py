"""What runs have made: images that must never be taken for somebody's own."""

from __future__ import annotations

from pathlib import Path

PROJECT_FILE = "model.json"
"""What makes a folder a project; a name of earlier versions, so that their projects are found."""
CLASS_IMAGES_NOTE = "class-images.json"
"""In each folder of generated class images: what they were generated with."""
CLASS_IMAGES = "a folder of generated class images"
IMAGE_CACHE_NOTE = "image-cache.json"
"""In the folder where latents and notes about images are kept."""
CARD_IMAGE = ".preview"
"""The end of the name, before the ending, of the image that the WebUI shows on a result's card."""
UNFINISHED = ".unfinished"
"""The ending of a file or folder that is still being written; its name begins with a dot."""

_GENERATED_ON_REQUEST = "request.json"
_LOGS = ("events.jsonl", "worker.log", "base.json")


def made_in(folder: Path) -> str:
    """What runs keep in this folder, as "a run folder"; "" if nothing."""
    if folder.name.startswith(".") and folder.name.endswith(UNFINISHED):
        return "an unfinished run folder"
    if (folder / CLASS_IMAGES_NOTE).is_file():
        return CLASS_IMAGES
    if (folder / IMAGE_CACHE_NOTE).is_file():
        return "a cache of images"
    if not any((folder / name).is_file() for name in _LOGS):
        return ""
    if (folder / "settings.json").is_file():
        return "a run folder"
    return "a folder of generated images" if (folder / _GENERATED_ON_REQUEST).is_file() else ""


def made_above(path: Path) -> tuple[str, Path] | None:
    """The same of `path` itself or the nearest folder above it, with that folder; links are followed."""
    real = path.resolve()
    return next(((made, folder) for folder in (real, *real.parents) if (made := made_in(folder))), None)


def is_card_image(image: Path) -> bool:
    """Whether this is the image of a result's card, NAME.preview.png."""
    return image.stem.endswith(CARD_IMAGE)
