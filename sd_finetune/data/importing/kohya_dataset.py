"""kohya's dataset config, a TOML file with `[general]`, `[[datasets]]` and `[[datasets.subsets]]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import UserError
from ...settings.paths import pasted_path
from ...settings.toml import load_toml
from ..captions import FILEWORDS
from .kohya_settings import MASKS, settings_of
from .looked_into import Subset
from .subsets import Imported, concepts_of

Table = Mapping[str, Any]

CHANGE_CAPTIONS = frozenset({
    "captions.prefix", "captions.suffix", "captions.drop_rate", "captions.shuffle", "captions.tag_drop_rate",
})  # fmt: skip
"""What does nothing to a prompt without a caption."""


def import_kohya_dataset(path: Path) -> Imported:
    """The concepts and settings of a dataset config. Folders in it are relative to the file, if they are there.

    Raises:
        UserError: it cannot be read, is something else, or names a folder that cannot be read.
    """
    content = load_toml(path)
    every = list(_subsets(content))
    subsets = [each for each in every if isinstance(each.get("image_dir"), str) and each["image_dir"].strip()]
    if every and not subsets:
        needed = "image_dir in each of [[datasets.subsets]], the folder of the images"
        raise UserError(f"{path} names no folder of training images: write {needed}.")
    if not subsets:
        needed = "[[datasets]] and [[datasets.subsets]] with image_dir"
        raise UserError(f"{path} is not a dataset config of kohya's scripts: it needs {needed}.")
    used = [each for each in subsets if not _is_without_repeats(each)]
    without = [
        f"{each['image_dir']} has num_repeats = {each['num_repeats']}, and is left out."
        for each in subsets
        if each not in used
    ]
    # one is in a dataset for each resolution
    seen = dict.fromkeys(_subset(each, path.absolute().parent) for each in used)
    imported = concepts_of(list(seen))
    imported.notes[:0] = dict.fromkeys(without)
    if not imported.concepts:
        raise UserError(f"{path} names no folder of training images: {' '.join(imported.notes)}")
    imported.notes += [
        f"A subset with metadata_file = {each['metadata_file']} has no image_dir, the folder of its images, and is "
        "left out: add it to the file."
        for each in every
        if each not in subsets and "metadata_file" in each
    ]
    imported.notes += dict.fromkeys(note for each in used for note in _misread(each))
    own = [each for each in used if each.get("is_reg") is not True]
    imported.settings = {**dict(settings_of(own, imported.notes)), **imported.settings}
    wild = imported.settings.get("captions.wildcards") is True
    imported.settings["captions.several_lines"] = "random" if wild else "first"
    if CHANGE_CAPTIONS & set(imported.settings):
        imported.concepts = [_with_words_as_caption(concept) for concept in imported.concepts]
    return imported


def _is_without_repeats(options: Table) -> bool:
    """Whether kohya's scripts leave the subset out."""
    repeats = options.get("num_repeats")
    return type(repeats) is int and repeats < 1


def _with_words_as_caption(concept: dict[str, Any]) -> dict[str, Any]:
    """class_tokens are a caption there, which its options change; a prompt of them alone stays as it is."""
    words = concept["instance_prompt"]
    return concept if words == FILEWORDS else {**concept, "instance_prompt": FILEWORDS, "default_caption": words}


def _subsets(content: Table) -> Iterator[dict[str, Any]]:
    """Each subset with all that holds for it: its own options, those of its dataset, and the general ones."""
    general = _table(content.get("general"))
    for dataset in _tables(content.get("datasets")):
        for subset in _tables(dataset.get("subsets")):
            yield {**general, **dataset, **subset}


def _subset(options: Table, home: Path) -> Subset:
    folder, masks = _folder(options["image_dir"], home), options.get(MASKS)
    metadata = _metadata_file(options.get("metadata_file"), home)
    repeats, words = options.get("num_repeats"), options.get("class_tokens")
    return Subset(
        folder,
        repeats if type(repeats) is int else 1,
        words.strip() if isinstance(words, str) else "",
        options.get("is_reg") is True,
        metadata,
        _folder(masks, home) if isinstance(masks, str) and masks else None,
        _caption_ending(options.get("caption_extension")),
    )


def _caption_ending(value: Any) -> str:
    """As ".txt"; "" where none is said."""
    name = value.strip().lstrip(".") if isinstance(value, str) else ""
    return f".{name}" if re.fullmatch(r"[\w.-]+", name) else ""


def _misread(options: Table) -> Iterator[str]:
    """About options of a subset that `_subset` cannot use."""
    takes = {"num_repeats": "a whole number, 1 or more", "class_tokens": "a text", MASKS: "a folder that is there"}
    repeats, words, masks = (options.get(name) for name in takes)
    wrong = {
        "num_repeats": repeats is not None and type(repeats) is not int,
        "class_tokens": words is not None and not isinstance(words, str),
        MASKS: masks is not None and not isinstance(masks, str),
    }
    for name, rule in takes.items():
        if wrong[name]:
            yield f"{name} = {str(options[name])[:60]} is left out: it is to be {rule}."


def _folder(path: str, home: Path) -> Path:
    """Relative to the file, if it is there."""
    folder = Path(pasted_path(path))
    return home / folder if (home / folder).is_dir() else folder


def _metadata_file(value: Any, home: Path) -> str:
    """The path that a config says, which is relative to its folder if it is there; "" where it says none."""
    if not isinstance(value, str) or not value.strip():
        return ""
    file = Path(pasted_path(value))
    return str(home / file if (home / file).is_file() else file)


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [_table(each) for each in cast("list[Any]", value)] if isinstance(value, list) else []
