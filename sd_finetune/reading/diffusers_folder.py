"""A model as diffusers saves it: a folder with `model_index.json`, and a folder for each part.

is_diffusers_folder(path), is_part_folder(path), is_model(path), is_vae(path) -> bool
pipeline_class(path) -> "StableDiffusionPipeline"
part_of(path, name) -> Part(config, files), with the files of its weights
scheduler_of(path) -> its settings
folder_files(path) -> all files that the model is made of
vae_files(path) -> the files of a VAE: a file, a folder with it alone, or the one in a whole model
files_of_model(path) -> the files that a path stands for: of such a folder, or the file itself
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from .door import damaged, parse_json, read_text, reader

INDEX, SCHEDULER = "model_index.json", "scheduler/scheduler_config.json"
CLASS = "_class_name"
"""Of the pipeline in the first, of the scheduler in the second."""
PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
CONFIG = "config.json"
MOST_INDEX_BYTES = 8 << 20
"""Of the list of which file has which tensor."""
WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<before>\w+))?\.(?P<kind>safetensors|bin)"
    r"(?P<index>\.index(?:\.(?P<behind>\w+))?\.json)?"
)
"""Names of weights, whole or as a list of their shards; `fp16` and the like stand before or behind."""


@dataclass(frozen=True)
class Part:
    """One part of a model."""

    config: dict[str, Any]
    files: tuple[Path, ...]
    """All shards of its weights."""


def is_diffusers_folder(path: Path) -> bool:
    """Whether the folder has a whole model, or claims to."""
    return _is_file(path / INDEX)


def is_model(path: Path) -> bool:
    """Whether there is a file, or such a folder; False for what cannot be looked at."""
    return _is_file(path) or is_diffusers_folder(path)


def is_part_folder(path: Path) -> bool:
    """Whether the folder has one part of a model alone."""
    return _is_file(path / CONFIG)


def is_vae(path: Path) -> bool:
    """Whether there is a file, or a folder that can have a VAE in diffusers' layout."""
    return is_model(path) or is_part_folder(path)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file fails for a name that is too long


@reader
def pipeline_class(path: Path) -> str:
    """What generates with the model, by the name of diffusers' class."""
    name = _table(path / INDEX).get(CLASS)
    if not isinstance(name, str):
        raise damaged(path / INDEX)
    return name[:100]


@reader
def part_of(path: Path, name: str) -> Part:
    """The config and the files of a part, "unet" or the like.

    Raises:
        UserError: it is not there, or not whole.
    """
    folder = path / name
    if not _is_file(folder / CONFIG):
        raise _lacks(path, f"{name}/{CONFIG}")
    files = tuple(_weights(folder))
    if not files:
        raise _lacks(path, f"the weights in {name}")
    for file in files:
        if not _is_file(file):
            raise _lacks(path, f"{name}/{file.name}")
    return Part(_table(folder / CONFIG), files)


@reader
def scheduler_of(path: Path) -> dict[str, Any]:
    """The settings of its scheduler, which say what it predicts. Raises UserError if it has none."""
    if not _is_file(path / SCHEDULER):
        raise _lacks(path, SCHEDULER)
    return _table(path / SCHEDULER)


@reader
def folder_files(path: Path) -> list[Path]:
    """The files that the model is made of, as far as they are there, in a fixed order."""
    named = [path / INDEX, path / SCHEDULER]
    for name in PARTS:
        if (path / name).is_dir():
            named += [path / name / CONFIG, *_weights(path / name)]
    return [file for file in named if _is_file(file)]


def vae_files(path: Path) -> tuple[Path, ...]:
    """The file itself, or those of the VAE in a folder. Raises UserError as `part_of`."""
    if is_diffusers_folder(path):
        return part_of(path, "vae").files
    return part_of(path.parent, path.name).files if is_part_folder(path) else (path,)


def files_of_model(path: Path) -> list[Path]:
    """The file itself, or those of a folder, of a model or of a part."""
    if is_diffusers_folder(path):
        return folder_files(path)
    return [path / CONFIG, *vae_files(path)] if is_part_folder(path) else [path]


def _lacks(path: Path, what: str) -> UserError:
    return UserError(f"{path} is a model in diffusers' layout that lacks {what}: download or save it whole.")


def _weights(folder: Path) -> Iterator[Path]:
    """The files of the weights that diffusers itself would load: no variant before one, .safetensors before .bin."""
    matches = [match for name in sorted(file.name for file in folder.iterdir()) if (match := WEIGHTS.fullmatch(name))]
    if not matches:
        return
    best = min(matches, key=_rank)
    if not best["index"]:
        yield folder / best[0]
        return
    weight_map: Any = parse_json(read_text(folder / best[0], MOST_INDEX_BYTES))["weight_map"]
    for name in sorted(set(cast("dict[str, Any]", weight_map).values())):
        if not isinstance(name, str) or not name or set(name) & set('/\\:\0"') or name in (".", ".."):
            raise ValueError("a shard elsewhere")
        yield folder / name


def _rank(match: re.Match[str]) -> tuple[bool, bool, str, bool, bool]:
    variant = match["before"] or match["behind"] or ""
    return bool(variant), variant != "fp16", variant, match["kind"] == "bin", bool(match["index"])


def _table(file: Path) -> dict[str, Any]:
    content: Any = parse_json(read_text(file))
    if not isinstance(content, dict):
        raise damaged(file)
    return cast("dict[str, Any]", content)
