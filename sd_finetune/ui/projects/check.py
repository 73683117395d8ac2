"""What settings would be refused for, and what they amount to, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...checks import check as checks
from ...checks.check import Checked, Further, nothing_further
from ...checks.masks import mask_risks
from ...checks.training import training_faults
from ...data.held_out import trained
from ...errors import UserError
from ...formats.known_base import resolved
from ...reading.diffusers_folder import is_model
from ...settings.faults import Faults
from ...settings.options import Settings
from ...settings.plain import text
from ...settings.read import as_far_as_valid
from ..advice.duration_estimate import seconds_for
from ..advice.risks import Risk, risks
from .automatic import automatic
from .continuing import origin_faults
from .labels import panel_of
from .other_words import words_in_use
from .wording import in_the_tab


def check(settings: dict[str, Any], origin: dict[str, Any] | None = None) -> Checked:
    """Check settings as they stand in the form, as `checks.check` does. origin: see Project.origin."""
    return checks.check(settings, _of_project(settings), for_training(origin))


def checked_settings(settings: dict[str, Any], further: Further = nothing_further) -> Settings:
    """Settings that a run can be made of. Raises UserError, a line for each fault."""
    return checks.checked_settings(settings, _of_project(settings), further)


def for_training(origin: dict[str, Any] | None) -> Further:
    """`training_faults`, and those of a project that continues from a snapshot."""

    def faults(settings: Settings, steps: int) -> dict[str, str]:
        return {**training_faults(settings, steps), **origin_faults(settings, steps, origin)}

    return faults


def _of_project(settings: dict[str, Any]) -> Faults:
    """What is told of a project in other words than of a settings file: its base checkpoint stays what it is."""
    faults = Faults()
    if text(settings, "base.checkpoint"):
        try:
            base_checkpoint(settings)
        except UserError as error:
            faults.add("base.checkpoint", str(error))
    return faults


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


def _risks(settings: Settings, found: Checked, others: Mapping[Path, str]) -> list[Risk]:
    images = [each.images for each in found.found]
    return [*risks(settings, images), *mask_risks(settings, found.masks), *words_in_use(settings, others)]


def _warning(name: str, sentence: str) -> dict[str, str]:
    return {"name": name, "sentence": in_the_tab(sentence, panel_of(name))}
