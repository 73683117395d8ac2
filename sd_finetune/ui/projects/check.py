"""What settings would be refused for, and what they amount to, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...data.buckets import example_sizes
from ...data.cropping import Size
from ...data.epoch_order import steps_per_epoch
from ...data.held_out import trained
from ...data.masked_examples import FoundMasks
from ...data.usable import UsableImages
from ...errors import UserError
from ...formats.known_base import base_fault, base_faults, resolved
from ...reading.diffusers_folder import is_model
from ...settings.faults import Faults
from ...settings.missing_files import missing_for_training
from ...settings.options import Settings
from ...settings.read import as_far_as_valid, faults_of
from ...settings.rules import check_rules
from ..advice.duration_estimate import seconds_for
from ..advice.risks import Risk, risks
from ..plain_settings import concepts, text
from .automatic import automatic
from .concept_images import images_of_concept
from .continuing import origin_faults
from .labels import panel_of
from .mask_checks import mask_faults, mask_risks, masks_in_time
from .other_words import words_in_use
from .wording import in_the_tab


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


def check(settings: dict[str, Any], origin: dict[str, Any] | None = None) -> Checked:
    """Check settings as they stand in the form; of files, reads images and masks for a moment.

    All faults are found together: where some options are faulty, the others are checked as far as that can be.

    origin: see Project.origin.
    """
    faults = faults_of(settings)
    found = [_usable_images(settings, number, faults) for number in range(1, len(concepts(settings)) + 1)]
    if faults.has("version"):
        return Checked(faults.sentences, found)
    whole = _with_faults_beyond_rules(settings, faults)
    is_valid = not faults.sentences
    masks = _masks(whole, found, faults)
    if not is_valid:
        faults.add_new(origin_faults(whole, 0, origin))
        return Checked(faults.sentences, found, concerns=faults.concerns)
    an_epoch = steps_per_epoch(_example_sizes(found, whole), whole.train.rows, whole.train.gradient_accumulation_steps)
    steps = whole.train.length.steps(an_epoch)
    faults.add_new(origin_faults(whole, steps, origin))
    return Checked(faults.sentences, found, whole, an_epoch, steps, masks, faults.concerns)


def _with_faults_beyond_rules(settings: dict[str, Any], faults: Faults) -> Settings:
    """The settings as far as they are valid, for their base; adds what that rules out, and what is missing here."""
    try:
        base_checkpoint(settings)
    except UserError as error:
        faults.add("base.checkpoint", str(error))
    whole = resolved(as_far_as_valid(settings))
    check_rules(whole, faults)
    faults.add_new({**missing_for_training(whole), **base_faults(whole)})
    if not faults.has("base.config") and (fault := base_fault(whole)):
        faults.add_new({"base.checkpoint": fault})
    return whole


def _masks(whole: Settings, found: list[UsableImages], faults: Faults) -> list[FoundMasks]:
    """The masks of each concept; adds their faults, where nothing is wrong with what they are looked for by."""
    places = [f"concepts.{number}.{name}" for number in range(1, len(found) + 1) for name in ("folder", "mask_folder")]
    if len(whole.concepts) != len(found) or any(map(faults.has, places)):
        return []
    masks = masks_in_time(whole, found)
    faults.add_new(mask_faults(whole, found, masks))
    return masks


def checked_settings(settings: dict[str, Any], origin: dict[str, Any] | None = None) -> Settings:
    """Settings that a run can be made of. Raises UserError, a line for each fault."""
    found = check(settings, origin)
    if found.settings is None or found.faults:
        raise UserError("\n".join(found.faults.values()))
    return found.settings


def base_checkpoint(settings: dict[str, Any]) -> Path:
    """The file or folder of the base checkpoint. Raises UserError if there is none."""
    path = Path(text(settings, "base.checkpoint"))
    if not is_model(path):
        raise UserError(f"base.checkpoint = {path} not found: create a new project from another checkpoint.")
    return path


def report(
    settings: dict[str, Any],
    projects: Path,
    origin: dict[str, Any] | None = None,
    others: Mapping[Path, str] | None = None,
) -> dict[str, Any]:
    """What the page shows of settings: `faults`, `warnings`, `images` (how many each concept has), and amounts.

    `beside` has the faults of contradictions again, for each other option that they concern.

    Sentences have the labels of the tab; a warning also has the `name` of the option that it is about.
    `unchecked` of the images have not been read yet, and may turn out to be none that can be trained.

    others: embeddings in the host's folder that are none of the project's own, see `embeddings_of_others`.

    `seconds` is how long training takes, None without an earlier run of the kind in the folder `projects`.
    """
    found = check(settings, origin)
    whole = found.settings
    valid = found.settings or resolved(as_far_as_valid(settings))
    to_do = found.steps - (origin["step"] if origin else 0)
    return {
        "faults": {name: in_the_tab(sentence, panel_of(name)) for name, sentence in found.faults.items()},
        "beside": [
            {"name": other, "of": name, "sentence": in_the_tab(found.faults[name], panel_of(other))}
            for name, others in found.concerns.items()
            for other in others
        ],
        "warnings": [_warning(*risk) for risk in _risks(whole, found, others or {})] if whole else [],
        "automatic": automatic(valid, [len(trained(each.images, valid.held_out())) for each in found.found]),
        "images": found.images,
        "unchecked": found.unchecked,
        "steps_per_epoch": found.steps_per_epoch,
        "steps": found.steps,
        "seconds": seconds_for(whole, to_do, projects) if whole else None,
    }


def _example_sizes(found: list[UsableImages], settings: Settings) -> Iterator[Size]:
    for each, concept in zip(found, settings.concepts, strict=True):
        sizes = example_sizes(map(each.sizes.get, trained(each.images, settings.held_out())), settings.data)
        for _ in range(concept.repeats):
            yield from sizes


def _risks(settings: Settings, found: Checked, others: Mapping[Path, str]) -> list[Risk]:
    images = [each.images for each in found.found]
    return [*risks(settings, images), *mask_risks(settings, found.masks), *words_in_use(settings, others)]


def _warning(name: str, sentence: str) -> dict[str, str]:
    return {"name": name, "sentence": in_the_tab(sentence, panel_of(name))}


def _usable_images(settings: dict[str, Any], number: int, faults: Faults) -> UsableImages:
    """A concept's images; a folder without any is a fault."""
    name, found = f"concepts.{number}.folder", UsableImages()
    folder = concepts(settings)[number - 1].get("folder")
    if not folder:
        return found
    try:
        found = images_of_concept(settings, number)
    except UserError as error:
        faults.add(name, str(error))
        return found
    if not found.images:
        faults.add(name, _without_images(folder, found))
    return found


def _without_images(folder: str, found: UsableImages) -> str:
    if found.excluded:
        return f"All images in {folder} that can be used are excluded: include some of them below."
    first = f" The first: {found.skipped[0]}" if found.skipped else ""
    return f"{folder} contains no images that can be used: add some, or drop them below.{first}"
