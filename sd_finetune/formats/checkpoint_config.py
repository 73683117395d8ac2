"""The config of a checkpoint, and what is said when a part of a checkpoint is missing; needs no torch.

config_beside(path) -> where it is, if there is one
find_config(path, metadata, config=None, fallback=None) -> Config(text, folder, is_own, is_file)
with naming_missing(path, facts): a KeyError becomes a UserError that says which part is missing
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..reading.diffusers_folder import INDEX, is_diffusers_folder
from ..reading.door import read_text
from .metadata_keys import CONFIG_KEY
from .parts import in_words


@dataclass(frozen=True)
class Config:
    """An LDM config."""

    text: str | None
    """None: there is none."""
    folder: Path
    """Where relative paths in it are looked up."""
    is_own: bool
    """Whether it is the checkpoint's: given, beside it, or in its metadata."""
    is_file: bool


def config_beside(path: Path) -> Path:
    """Where a checkpoint's config is if it has one: beside it, under its name."""
    is_folder = is_diffusers_folder(path)
    return (path / INDEX if is_folder else path).with_suffix(".yaml")


def find_config(
    path: Path, metadata: Mapping[str, str], config: Path | None = None, fallback: Path | None = None
) -> Config:
    """The given config, the `.yaml` beside the checkpoint, the one in its metadata, or the fallback.

    Raises:
        UserError: it cannot be read.
    """
    beside = config or config_beside(path)
    is_own = config is not None or beside.is_file() or CONFIG_KEY in metadata
    if not is_own and fallback:
        beside = config = fallback
    text = read_text(beside) if config or beside.is_file() else metadata.get(CONFIG_KEY)
    return Config(text, beside.parent, is_own, beside.is_file())


@contextmanager
def naming_missing(path: Path, facts: FamilyFacts) -> Generator[None, None, None]:
    """Turn the KeyError about a missing tensor into a sentence about its part, and name the file in others."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except KeyError as error:
        name = str(error.args[0])
        parts = [part for part, start in facts.part_prefixes.items() if name.startswith(start)]
        part = facts.part_titles[parts[0]] if parts else "model"
        raise UserError(
            f"{path} is not a complete {facts.title} checkpoint ({name} of its {part} is missing): choose one with "
            f"{in_words(list(facts.part_titles.values()))}."
        ) from error
