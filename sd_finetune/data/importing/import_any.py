"""What is at a path, made for another trainer, as concepts and settings of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ...errors import UserError
from ...reading.door import parse_json, read_text, reader
from ...settings.paths import pasted_path
from ..metadata_json import is_metadata
from .concepts_list import import_concepts
from .kohya_dataset import import_kohya_dataset
from .kohya_folder import import_kohya_folder
from .subsets import Imported


def import_any(text: str) -> Imported:
    """Of kohya's scripts a folder or a dataset config (.toml), of the Dreambooth extension a concepts list (.json).

    text: the path as it was pasted.

    Raises:
        UserError: it is none of these, or cannot be read.
    """
    path = Path(pasted_path(text))
    if not text.strip():
        raise UserError("The path is empty: give the folder, dataset config (.toml) or concepts list (.json).")
    if path.suffix.lower() == ".toml":
        return import_kohya_dataset(path)
    if path.suffix.lower() == ".json":
        return read_concepts_list(path)
    if path.is_file():
        raise UserError(f"{path} is not a folder, .toml or .json file: choose one of these.")
    return import_kohya_folder(path)


@reader
def read_concepts_list(path: Path) -> Imported:
    """The concepts of a concepts list. Raises UserError for a file that is something else."""
    try:
        content = parse_json(read_text(path))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({str(error)[:200]}): correct the file.") from error
    if isinstance(content, dict) and is_metadata(cast("dict[str, Any]", content)):
        raise UserError(
            f"{path} is a metadata file of kohya's scripts: choose the folder of its images as folder of a concept, "
            "and this file as its metadata_file."
        )
    return import_concepts(content)
