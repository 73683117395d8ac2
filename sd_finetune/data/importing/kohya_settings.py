"""The options of kohya's dataset config that hold for a whole run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...settings.catalogue import all_options
from ...settings.foreign_names import FOREIGN_NAMES
from ...settings.values import convert, range_text
from .kohya_sizes import NAMES as SIZES
from .kohya_sizes import one_for_all, sizes_of

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
THEIR_DEFAULTS: Mapping[str, Any] = {"batch_size": 1, "caption_separator": ",", "prior_loss_weight": 1.0}
"""Of those in `TAKEN`; that of the others is no, none, or nothing, as it is here."""
MASKS = "conditioning_data_dir"
OF_SUBSETS = SIZES | {
    "image_dir",
    "metadata_file",
    "num_repeats",
    "class_tokens",
    "is_reg",
    "subsets",
    "caption_extension",
    "alpha_mask",
    MASKS,
}
WITHOUT_NEED = frozenset({"cache_info", "debug_dataset", "validation_seed"})
"""What changes nothing here."""
TAKE_TAGS_APART = ("shuffle_caption", "caption_tag_dropout_rate")


def settings_of(subsets: Sequence[Table], notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Our options by full name. subsets: of training images, each with all that holds for it.

    notes: gets a sentence for what is not taken over.
    """
    for name in dict.fromkeys(name for subset in subsets for name in subset):
        if name in TAKEN:
            yield from _taken(name, subsets, notes)
        elif name not in OF_SUBSETS | WITHOUT_NEED:
            notes += _not_taken(name, subsets)
    notes += _of_separator(subsets)
    yield from sizes_of(subsets, notes)
    files, alpha = (any(subset.get(name) for subset in subsets) for name in (MASKS, "alpha_mask"))
    if files or alpha:  # their loss is not divided by the area of masks
        yield from (("masks.source", "files" if files else "alpha"), ("masks.normalize", False))


def _taken(name: str, subsets: Sequence[Table], notes: list[str]) -> Iterator[tuple[str, Any]]:
    ours = all_options()[TAKEN[name]]
    default = THEIR_DEFAULTS.get(name, ours.option.default if ours.option else None)
    values = [subset.get(name, default) for subset in subsets]
    for value in values:
        try:
            convert(value, ours)
        except ValueError:
            takes = range_text(ours)
            notes.append(f"{name} = {str(value)[:60]} is left out: {TAKEN[name]} takes {takes}.")
            return
    if any(value or value != default for value in values):
        yield TAKEN[name], one_for_all(name, TAKEN[name], subsets, notes, default)


def _not_taken(name: str, subsets: Sequence[Table]) -> Iterator[str]:
    value = next((subset[name] for subset in subsets if subset.get(name)), None)
    if value:
        ours = FOREIGN_NAMES.get(name)
        why = f"is left to you: here it is {ours}" if ours else "has no counterpart here, and is left out"
        yield f"{name} = {str(value)[:60]} {why}."


def _of_separator(subsets: Sequence[Table]) -> Iterator[str]:
    taken_apart = [subset for subset in subsets if any(subset.get(name) for name in TAKE_TAGS_APART)]
    others = [value for subset in taken_apart if str(value := subset.get("caption_separator", ",")).strip() != ","]
    if others:
        yield (
            f'caption_separator = "{str(others[0])[:60]}" also stands between the tags after they were shuffled or '
            "left out, where kohya's scripts write commas."
        )
