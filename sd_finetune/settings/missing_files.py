"""The files, folders and packages, and the GPU, that the settings need and that are not found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import UserError
from ..reading.diffusers_folder import is_model, is_vae
from ..reading.other_files import sentence_about_folder
from .availability import too_few_gpus, unavailable
from .devices_rules import not_on_mps
from .gpu_driver import gpu_count, gpu_kind, has_gpu_driver, has_no_gpu
from .learned_words import learned_words
from .options import Concept, Settings

GIVE = "give the path of a file"
MODELS = ("base.checkpoint", "base.continue_from")
"""Options whose file may be a folder in diffusers' layout."""


def missing_files(settings: Settings) -> dict[str, str]:
    """A sentence for each, by the option's name. A path that is too long or not accessible is not found either."""
    files = {f"base.{name}": getattr(settings.base, name) for name in ("checkpoint", "config", "vae", "continue_from")}
    files |= {word.continue_option: word.continue_from for word in learned_words(settings) if settings.learns_word()}
    files |= {f"concepts.{number}.metadata_file": each.metadata_file for number, each in _numbered(settings)}
    faults = {name: _about_missing(name, path) for name, path in files.items() if path and not _is_there(name, path)}
    for name, path in _folders(settings):
        if path and not _holds(Path(path).is_dir):
            problem = "is a file" if _holds(Path(path).is_file) else "not found"
            faults[name] = f"{name} = {path} {problem}: give the path of a folder."
    return faults


def missing_for_training(settings: Settings) -> dict[str, str]:
    """A sentence for each missing file or folder, and for each choice whose package or GPU is missing."""
    on_gpu = settings.train.device in ("auto", "cuda") and has_gpu_driver()
    return {
        **missing_files(settings),
        **unavailable(settings, on_gpu),
        **_missing_mac(settings),
        **_missing_gpu(settings),
        **_missing_gpus(settings),
    }


def _missing_mac(settings: Settings) -> dict[str, str]:
    if settings.train.device != "mps" or gpu_kind() == "apple":
        return {}
    sentence = 'train.device = "mps" needs a Mac with an M processor, and this is none: set it to "auto".'
    return {"train.device": sentence}


def _missing_gpu(settings: Settings) -> dict[str, str]:
    """What needs another GPU than "auto" finds here, or than there is."""
    train = settings.train
    if train.device == "auto" and gpu_kind() == "apple":
        return {name: f"The GPU of this Mac {rest}" for name, rest in not_on_mps(settings)}
    if train.device not in ("auto", "cuda") or not has_no_gpu():
        return {}
    if train.device == "cuda":
        return {"train.device": 'train.device = "cuda" needs a CUDA GPU, and none was found: set it to "auto".'}
    if train.mixed_precision == "fp16":
        sentence = 'train.mixed_precision = "fp16" needs a GPU, and none was found: use "bf16" or "no".'
        return {"train.mixed_precision": sentence}
    return {}


def _missing_gpus(settings: Settings) -> dict[str, str]:
    asked = settings.train.devices
    found = gpu_count() if asked > 1 and settings.train.device != "cpu" else None
    return {} if found is None or found >= asked else {"train.devices": too_few_gpus(asked, found)}


def refuse(missing: dict[str, str]) -> None:
    """Raise UserError with one line for each thing that is missing, before anything is loaded or created."""
    if missing:
        raise UserError("\n".join(missing.values()))


def _about_missing(name: str, path: str) -> str:
    if _holds(Path(path).is_dir):
        says_what = name == "base.checkpoint"
        return f"{name}: {sentence_about_folder(Path(path))}" if says_what else f"{name} = {path} is a folder: {GIVE}."
    return f"{name} = {path} not found: {GIVE}."


def _is_there(name: str, path: str) -> bool:
    if name == "base.vae":
        return is_vae(Path(path))
    return is_model(Path(path)) if name in MODELS else _holds(Path(path).is_file)


def _holds(is_there: Callable[[], bool]) -> bool:
    try:
        return is_there()
    except OSError:  # the name is too long, or access is denied
        return False


def _numbered(settings: Settings) -> Iterator[tuple[int, Concept]]:
    yield from enumerate(settings.concepts, start=1)


def _folders(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.evaluation.every.amount:
        yield "evaluation.folder", settings.evaluation.folder
    for number, concept in _numbered(settings):
        yield f"concepts.{number}.folder", concept.folder
        if settings.masks.source == "files":
            yield f"concepts.{number}.mask_folder", concept.mask_folder
        if settings.prior_weight() > 0:
            yield f"concepts.{number}.class_folder", concept.class_folder
