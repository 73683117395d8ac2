"""Embeddings of textual inversion: the vectors of one new word (arXiv 2208.01618).

    write_embedding(path, vectors, metadata, precision="fp16"), a .safetensors, or the WebUI's own form if it is a .pt
    read_embedding(path) -> Embedding(vectors, name, step, metadata), of ours, the WebUI, kohya's scripts and diffusers

The WebUI takes a .safetensors only if it holds one tensor, and calls the word by the file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ..errors import UserError
from .tensor_file import (
    DTYPES,
    METADATA_KEY,
    TensorFile,
    read_tensors,
    refuse_not_finite,
    write_legacy_pickle,
    write_tensors,
)

TENSOR_NAME = "emb_params"
"""As in kohya's files."""
STEPS_KEY = "sd_finetune.steps"
"""Of all runs together, as the WebUI's form counts them, where there was more than one."""
PLACEHOLDER, PLACEHOLDER_TOKEN = "*", 265
"""What stands for the word inside the WebUI's form, whatever it is called."""


@dataclass(frozen=True)
class Embedding:
    """What an embedding's file holds."""

    vectors: Tensor
    """(vectors, width), in the file's type."""
    name: str
    """What the file says the word is called, else the file's own name, which is what the WebUI goes by."""
    step: int | None
    """Steps it was trained for, None if the file does not tell."""
    metadata: Mapping[str, str]


def write_embedding(
    path: Path, vectors: Tensor, metadata: Mapping[str, str], precision: str = "fp16", steps_before: int = 0
) -> None:
    """Write the `vectors`, (vectors, width), stored as `precision` ("fp16" | "bf16" | "fp32").

    steps_before: of earlier runs that this one went on from; the metadata tells its own.

    Raises:
        UserError: there is no space left.
    """
    stored = vectors.detach().to("cpu", DTYPES[precision]).contiguous()
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


def read_embedding(path: Path) -> Embedding:
    """The vectors of an embedding's file and what it tells of them.

    Raises:
        UserError: the file is missing or damaged, holds more than tensors, or not the vectors of exactly one word.
    """
    file = read_tensors(path)
    vectors = list(vectors_of(file).values())
    if len(vectors) != 1 or vectors[0].ndim not in (1, 2) or not vectors[0].numel():
        raise UserError(
            f"{path} does not hold the vectors of one word: choose an embedding of the WebUI, "
            "kohya's scripts, diffusers or SD Fine-Tune."
        )
    refuse_not_finite(path, vectors)
    (own,) = vectors
    name, step = told_of(file)
    return Embedding(own[None] if own.ndim == 1 else own, name or path.stem, step, file.metadata)


def vectors_of(file: TensorFile) -> dict[str, Tensor]:
    """The tensors of an embedding's file by name; in the WebUI's form they lie one level deeper."""
    inner: Any = file.content.get("string_to_param")
    if not isinstance(inner, dict):
        return file.tensors
    named = cast("dict[Any, Any]", inner)
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}


def told_of(file: TensorFile) -> tuple[str, int | None]:
    """The word's name and the steps of its training, "" and None where the file does not tell."""
    name = file.content.get("name") or file.metadata.get("ss_output_name") or ""
    step = file.content.get("step", file.metadata.get(STEPS_KEY, file.metadata.get("ss_steps")))
    return str(name), int(step) if str(step).isdecimal() else None
