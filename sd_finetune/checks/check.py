"""All faults of settings together: values, contradictions, missing files, folders and packages, the base, images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.buckets import example_sizes
from ..data.concepts import no_images
from ..data.cropping import Size
from ..data.epoch_order import steps_per_epoch
from ..data.held_out import trained
from ..data.masked_examples import FoundMasks
from ..data.usable import UsableImages
from ..errors import UserError
from ..formats.fit.faults import base_fit_faults
from ..formats.known_base import base_fault, base_faults, base_of, resolved
from ..formats.known_vae import vae_fault
from ..settings.faults import Faults
from ..settings.missing_files import missing_for_training
from ..settings.options import Settings
from ..settings.plain import concepts
from ..settings.read import as_far_as_valid, faults_of
from ..settings.rules import check_rules
from .captions import caption_faults, captions_in_time
from .concept_images import images_of_concept
from .masks import mask_faults, masks_in_time
from .other_folders import other_images
from .words import new_word_faults

Further = Callable[[Settings, int], dict[str, str]]
"""More faults, by the option's name, of settings as far as they are valid, with their steps; 0 where they are not."""


@dataclass(frozen=True)
class Checked:
    """The faults by the setting's name, and what the settings amount to.

    found: the images of each concept. settings: None where they cannot be read; then `steps_per_epoch` and `steps`
    are 0. masks: of each concept, as far as they were read. concerns: the other settings that a contradiction is
    between, by the name that its fault has.
    """

    faults: dict[str, str]
    found: list[UsableImages]
    settings: Settings | None = None
    steps_per_epoch: int = 0
    steps: int = 0
    masks: list[FoundMasks] = field(default_factory=list[FoundMasks])
    concerns: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def images(self) -> list[int]:
        """How many each concept has."""
        return [len(each.images) for each in self.found]

    @property
    def unchecked(self) -> int:
        """How many of all images were not read yet."""
        return sum(each.unchecked for each in self.found)


def nothing_further(settings: Settings, steps: int) -> dict[str, str]:
    """No more faults."""
    return {}


def check(content: dict[str, Any], known: Faults | None = None, further: Further = nothing_further) -> Checked:
    """Check plain settings; of files, reads images and masks for a moment.

    All faults are found together: where some options are faulty, the others are checked as far as that can be.

    known: faults that were found before, which are told with the others.
    """
    faults = faults_of(content, known)
    if faults.has("version"):
        return Checked(faults.sentences, [])
    whole = _with_faults_beyond_rules(content, faults)
    found = [_usable_images(content, number, faults) for number in range(1, len(concepts(content)) + 1)]
    is_valid = not faults.sentences
    masks = _of_images(whole, found, faults)
    if not is_valid:
        faults.add_new(further(whole, 0))
        return Checked(faults.sentences, found, concerns=faults.concerns)
    an_epoch = steps_per_epoch(_example_sizes(found, whole), whole.train.rows, whole.train.gradient_accumulation_steps)
    steps = whole.train.length.steps(an_epoch)
    faults.add_new(further(whole, steps))
    return Checked(faults.sentences, found, whole, an_epoch, steps, masks, faults.concerns)


def checked_settings(
    content: dict[str, Any], known: Faults | None = None, further: Further = nothing_further
) -> Settings:
    """Settings that a run can be made of. Raises UserError, a line for each fault."""
    found = check(content, known, further)
    if found.settings is None or found.faults:
        raise UserError("\n".join(found.faults.values()))
    return found.settings


def _with_faults_beyond_rules(content: dict[str, Any], faults: Faults) -> Settings:
    """The settings as far as they are valid, for their base; adds what that rules out, and what is missing here."""
    whole = resolved(as_far_as_valid(content))
    check_rules(whole, faults)
    faults.add_new({**missing_for_training(whole), **base_faults(whole)})
    if not faults.has("base.config") and (fault := base_fault(whole)):
        faults.add_new({"base.checkpoint": fault})
    if whole.base.vae and (fault := vae_fault(Path(whole.base.vae), base_of(whole), Path(whole.base.checkpoint))):
        faults.add_new({"base.vae": fault})
    known = faults.sentences  # of an option with a fault, a default stands in `whole`, of which nothing is to be told
    on_base = base_fit_faults(whole)
    faults.add_new({name: text for name, text in on_base.items() if not any(option in text for option in known)})
    return whole


def _of_images(whole: Settings, found: list[UsableImages], faults: Faults) -> list[FoundMasks]:
    """The masks of each concept; adds what is wrong with them, captions, new words, and images that are not trained.

    All that is wrong with what is in one folder is told together.
    """
    if len(whole.concepts) != len(found):
        return []
    others = other_images(whole, [len(each.images) for each in found])
    told = dict[str, str]({each.option: each.fault for each in others if each.fault})
    places = [f"concepts.{number}.{name}" for number in range(1, len(found) + 1) for name in ("folder", "mask_folder")]
    masks = [] if any(map(faults.has, places)) else masks_in_time(whole, found)
    of_masks = mask_faults(whole, found, masks) if masks else {}
    captioned, beside = captions_in_time(whole, found, others)
    for name, sentences in (*of_masks.items(), *caption_faults([*captioned, *beside])):
        told[name] = f"{told[name]}\n{sentences}" if name in told else sentences
    of_words = {} if any(map(_is_about_words, faults.sentences)) else dict(new_word_faults(whole, found, captioned))
    faults.add_new({**of_words, **told})
    return masks


def _is_about_words(option: str) -> bool:
    """Whether words or prompts are not what was asked for where this option has a fault."""
    if option.startswith("concepts."):
        return not option.rpartition(".")[2].startswith(("class_", "mask_"))
    return option in ("output.name", "concepts") or option.startswith(("textual_inversion.", "captions."))


def _example_sizes(found: list[UsableImages], settings: Settings) -> Iterator[Size]:
    for each, concept in zip(found, settings.concepts, strict=True):
        sizes = example_sizes(map(each.sizes.get, trained(each.images, settings.held_out())), settings.data)
        for _ in range(concept.repeats):
            yield from sizes


def _usable_images(content: dict[str, Any], number: int, faults: Faults) -> UsableImages:
    """A concept's images; a folder without any is a fault."""
    name, found = f"concepts.{number}.folder", UsableImages()
    folder = concepts(content)[number - 1].get("folder")
    if not folder:
        return found
    try:
        found = images_of_concept(content, number)
    except UserError as error:
        faults.add(name, f"{name}: {error}")
        return found
    if not found.images:
        faults.add(name, f"{name}: {no_images(folder, found, f'concepts.{number}.exclude')}")
    return found
