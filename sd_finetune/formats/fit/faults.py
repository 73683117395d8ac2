"""All of a run's settings that do not fit its base checkpoint, together.

faults_on(target, settings) -> {option: sentence}, which the worker tells, too
base_fit_faults(settings) -> the same for the base checkpoint of the settings, as far as that can be read
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import UserError
from ...settings.learned_words import learned_words
from ...settings.methods import ResultKind
from ...settings.options import Settings
from ..classify import refuse_unless
from ..known_base import base_of
from .checkpoint import refuse_other_checkpoint
from .hypernetwork import refuse_other_hypernetwork, width_faults
from .lora import choice_faults, refuse_other_lora
from .target import Target
from .words import word_faults

REFUSALS: dict[ResultKind, Callable[[Path, Settings, Target], None]] = {
    "checkpoint": refuse_other_checkpoint,
    "lora": refuse_other_lora,
    "hypernetwork": refuse_other_hypernetwork,
}
"""By the kind of result: UserError for a file of that kind which training cannot continue from."""
CHOICES: dict[ResultKind, Callable[[Settings, Target], Iterator[tuple[str, str]]]] = {
    "lora": choice_faults,
    "hypernetwork": width_faults,
}
"""By the kind of result: options about what of the model is trained which name what it does not have."""


def base_fit_faults(settings: Settings) -> dict[str, str]:
    """By the option's name, a sentence about each; none where the base checkpoint cannot be read."""
    base = base_of(settings)
    if base is None:
        return {}
    path = Path(settings.base.checkpoint)
    return faults_on(Target(path, base.family, base.architecture, base.memory.layers), settings)


def faults_on(target: Target, settings: Settings) -> dict[str, str]:
    """By the option's name, a sentence about each: files to continue from, and what the model does not have."""
    kind = settings.result_kind()
    found = dict(CHOICES[kind](settings, target)) if kind in CHOICES else {}
    for option, (file, wanted) in _continued(settings).items():
        try:
            refuse_unless(Path(file), wanted, target.family, option)
            if wanted in REFUSALS:
                REFUSALS[wanted](Path(file), settings, target)
        except UserError as error:
            found[option] = str(error)
    if settings.learns_word():
        for option, sentence in word_faults(settings, target):
            found.setdefault(option, sentence)
    return found


def _continued(settings: Settings) -> dict[str, tuple[str, ResultKind]]:
    """The files to continue from, and what each has to be, by the option's name."""
    words = learned_words(settings) if settings.learns_word() else ()
    files: dict[str, tuple[str, ResultKind]] = {
        word.continue_option: (word.continue_from, "embedding") for word in words
    }
    if settings.result_kind() != "embedding":
        files["base.continue_from"] = settings.base.continue_from, settings.result_kind()
    return {option: found for option, found in files.items() if found[0]}
