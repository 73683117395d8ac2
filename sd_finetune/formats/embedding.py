"""Embeddings of textual inversion: the vectors of one new word (arXiv 2208.01618).

    write_embedding(path, vectors, metadata, precision="fp16"), a .safetensors, or a .pt in the WebUI's own format
    read_embedding(path) -> Embedding(vectors, name, step, metadata), of ours, the WebUI, kohya's scripts and diffusers

The WebUI takes a .safetensors only if it has one tensor, and uses the file's name as the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ..errors import UserError
from ..reading.door import reader
from ..reading.plain import text, whole
from ..reading.safetensors_header import METADATA_KEY
from .tensor_file import (
    FILE_DTYPES,
    TensorFile,
    are_weights,
    converted,
    read_tensors,
    refuse_not_finite,
    write_legacy_pickle,
    write_tensors,
)

TENSOR_NAME = "emb_params"
"""As in kohya's files."""
STEPS_KEY = "sd_finetune.steps"
"""Of all runs together, as in the WebUI's format, if there was more than one."""
PLACEHOLDER, PLACEHOLDER_TOKEN = "*", 265
"""Stand for the word in the WebUI's format, whatever its name."""


@dataclass(frozen=True)
class Embedding:
    """The content of an embedding file."""

    vectors: Tensor
    """(vectors, width), in the file's precision."""
    name: str
    """The word by the file's content, else the file's own name, which is what the WebUI uses."""
    step: int | None
    """Training steps, None if the file does not have them."""
    metadata: Mapping[str, str]


def write_embedding(
    path: Path, vectors: Tensor, metadata: Mapping[str, str], precision: str = "fp16", steps_before: int = 0
) -> None:
    """Write the `vectors`, (vectors, width), stored as `precision` ("fp16" | "bf16" | "fp32").

    steps_before: steps of the earlier runs that this one continues from; the metadata has its own.

    Raises:
        UserError: there is no space left, or a value is not finite in that precision.
    """
    stored = converted(path, vectors, FILE_DTYPES[precision])
    steps = steps_before + int(metadata.get("ss_steps", 0))
    if path.suffix != ".pt":
        together = {STEPS_KEY: str(steps)} if steps_before else {}
        write_tensors(path, {TENSOR_NAME: stored}, {**metadata, **together})
        return
    content = {
        "string_to_token": {PLACEHOLDER: PLACEHOLDER_TOKEN},
        "string_to_param": {PLACEHOLDER: stored},
        "name": path.stem,
        "step": steps,
        "sd_checkpoint": metadata.get("ss_new_sd_model_hash", "")[:10] or None,
        "sd_checkpoint_name": Path(metadata.get("ss_sd_model_name", "")).stem or None,
        METADATA_KEY: dict(metadata),
    }
    write_legacy_pickle(path, content)


@reader
def read_embedding(path: Path) -> Embedding:
    """The vectors of an embedding file, with name and steps.

    Raises:
        UserError: the file is missing or damaged, has more than tensors, or not the vectors of exactly one word.
    """
    file = read_tensors(path)
    vectors = list(vectors_of(file).values())
    if len(vectors) != 1 or vectors[0].ndim not in (1, 2) or not are_weights(vectors):
        raise UserError(
            f"{path} is not an embedding of one word: choose one that was saved by the WebUI, kohya's scripts, "
            "diffusers or SD Fine-Tune."
        )
    refuse_not_finite(path, vectors)
    (own,) = vectors
    name, step = name_and_step_of(file)
    return Embedding(own[None] if own.ndim == 1 else own, name or path.stem, step, file.metadata)


def vectors_of(file: TensorFile) -> dict[str, Tensor]:
    """The tensors of an embedding file by name; in the WebUI's format they are one level deeper."""
    inner: Any = file.content.get("string_to_param")
    if not isinstance(inner, dict):
        return file.tensors
    named = cast("dict[Any, Any]", inner)
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}


def name_and_step_of(file: TensorFile) -> tuple[str, int | None]:
    """The word and its training steps, "" and None where the file does not have them."""
    name = text(file.content.get("name")) or file.metadata.get("ss_output_name") or ""
    step = file.content.get("step", file.metadata.get(STEPS_KEY, file.metadata.get("ss_steps")))
    return name, whole(step)
