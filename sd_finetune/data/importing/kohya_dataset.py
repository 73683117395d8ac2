"""kohya's dataset config, a TOML file with `[general]`, `[[datasets]]` and `[[datasets.subsets]]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import UserError
from ...settings.catalogue import all_options
from ...settings.foreign_names import FOREIGN_NAMES
from ...settings.paths import pasted_path
from ...settings.toml import load_toml
from ...settings.values import convert, range_text
from .kohya_sizes import NAMES as SIZES
from .kohya_sizes import sizes_of
from .subsets import Imported, Subset, concepts_of

Table = Mapping[str, Any]

SAME_AS_ON_THEIR_COMMAND_LINE = (
    "caption_dropout_rate",
    "caption_prefix",
    "caption_separator",
    "caption_suffix",
    "caption_tag_dropout_rate",
    "enable_wildcard",
    "flip_aug",
    "keep_tokens",
    "prior_loss_weight",
    "shuffle_caption",
)
TAKEN: Mapping[str, str] = {
    "batch_size": "train.batch_size",
    **{name: FOREIGN_NAMES[name] for name in SAME_AS_ON_THEIR_COMMAND_LINE},
}
"""Our option by theirs, of the same meaning."""
MASKS = "conditioning_data_dir"
OF_SUBSETS = SIZES | {
    "image_dir",
    "metadata_file",
    "num_repeats",
    "class_tokens",
    "is_reg",
    "subsets",
    "alpha_mask",
    MASKS,
}
WITHOUT_NEED = frozenset({"cache_info", "debug_dataset", "caption_extension", "validation_seed"})
"""What changes nothing here: every caption file is found."""


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
    seen = dict.fromkeys(
        _subset(each, path.absolute().parent) for each in subsets
    )  # one is in a dataset for each resolution
    imported = concepts_of(list(seen))
    if not imported.concepts:
        raise UserError(f"{path} names no folder of training images: {' '.join(imported.notes)}")
    imported.notes += [
        f"A subset with metadata_file = {each['metadata_file']} has no image_dir, the folder of its images, and is "
        "left out: add it to the file."
        for each in every
        if each not in subsets and "metadata_file" in each
    ]
    imported.notes += dict.fromkeys(note for each in subsets for note in _misread(each))
    own = [each for each in subsets if each.get("is_reg") is not True]
    imported.settings |= dict(_settings(own, imported.notes))
    wild = imported.settings.get("captions.wildcards") is True
    imported.settings["captions.several_lines"] = "random" if wild else "first"
    return imported


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
        repeats if type(repeats) is int and repeats > 0 else 1,
        words.strip() if isinstance(words, str) else "",
        options.get("is_reg") is True,
        metadata,
        _folder(masks, home) if isinstance(masks, str) and masks else None,
    )


def _misread(options: Table) -> Iterator[str]:
    """About options of a subset that `_subset` cannot use."""
    takes = {"num_repeats": "a whole number, 1 or more", "class_tokens": "a text", MASKS: "a folder that is there"}
    repeats, words, masks = (options.get(name) for name in takes)
    wrong = {
        "num_repeats": repeats is not None and not (type(repeats) is int and repeats > 0),
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


def _settings(subsets: list[dict[str, Any]], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Options that hold for the whole run, by their full name."""
    for name in dict.fromkeys(name for subset in subsets for name in subset):
        values = [subset[name] for subset in subsets if name in subset]
        value = values[0]
        if name in OF_SUBSETS | WITHOUT_NEED or not value:
            continue
        if name not in TAKEN:
            ours = FOREIGN_NAMES.get(name)
            why = f"is left to you: here it is {ours}" if ours else "has no counterpart here, and is left out"
            notes.append(f"{name} = {str(value)[:60]} {why}.")
            continue
        try:
            convert(value, all_options()[TAKEN[name]])
        except ValueError:
            takes = range_text(all_options()[TAKEN[name]])
            notes.append(f"{name} = {str(value)[:60]} is left out: {TAKEN[name]} takes {takes}.")
            continue
        if any(each != value for each in values):
            notes.append(f"{name} differs between subsets, and {TAKEN[name]} is one for all: {value} is used.")
        yield TAKEN[name], value
    yield from sizes_of(subsets, notes)
    files, alpha = (any(subset.get(name) for subset in subsets) for name in (MASKS, "alpha_mask"))
    if files or alpha:  # their loss is not divided by the area of masks
        yield from (("masks.source", "files" if files else "alpha"), ("masks.normalize", False))


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [_table(each) for each in cast("list[Any]", value)] if isinstance(value, list) else []
