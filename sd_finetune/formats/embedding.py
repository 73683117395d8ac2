"""Embeddings of textual inversion: the vectors of one new word (arXiv 2208.01618).

    write_embedding(path, vectors, metadata, precision="fp16"), a .safetensors or a .pt
    read_embedding(path) -> Embedding(vectors, name, step, metadata), of ours, the WebUI, kohya's scripts and diffusers,
        also one that the WebUI has put into an image

The WebUI takes the only tensor of a file, or `clip_l` and `clip_g`, one for each text encoder, and uses the file's name
as the word. Its own `.pt` has a name and a step beside one tensor; of two it takes nothing but tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from ..reading.door import reader
from ..reading.layout import StoredTensor
from ..reading.plain import text, whole
from ..reading.safetensors_header import METADATA_KEY
from .embedding_layout import INNER, embedding_vectors, vector_shapes
from .image_file import is_image
from .tensor_file import (
    FILE_DTYPES,
    TensorFile,
    converted,
    read_tensors,
    refuse_not_finite,
    write_legacy_pickle,
    write_tensors,
)

STEPS_KEY = "sd_finetune.steps"
"""Of all runs together, as in the WebUI's format, if there was more than one."""
PLACEHOLDER, PLACEHOLDER_TOKEN = "*", 265
"""Stand for the word in the WebUI's format, whatever its name."""


@dataclass(frozen=True)
class Embedding:
    """The content of an embedding file."""

    vectors: Mapping[str, Tensor]
    """By name in the file, which is any where there is one: (vectors, width), in the file's precision."""
    name: str
    """The word by the file's content, else the file's own name, which is what the WebUI uses."""
    step: int | None
    """Training steps, None if the file does not have them."""
    metadata: Mapping[str, str]

    is_image: bool = False
    """Whether it was in an image, of which the WebUI takes the name in it as the word and not the file's."""

    @property
    def count(self) -> int:
        """How many vectors there are, for each text encoder as many."""
        return len(next(iter(self.vectors.values())))


def write_embedding(
    path: Path, vectors: Mapping[str, Tensor], metadata: Mapping[str, str], precision: str = "fp16",
    steps_before: int = 0,
) -> None:  # fmt: skip
    """Write the vectors, (vectors, width) by name, stored as `precision` ("fp16" | "bf16" | "fp32").

    vectors: as `FamilyFacts.embedding_names` names them.
    steps_before: steps of the earlier runs that this one continues from; the metadata has its own.

    Raises:
        UserError: there is no space left, or a value is not finite in that precision.
    """
    stored = {name: converted(path, tensor, FILE_DTYPES[precision]) for name, tensor in vectors.items()}
    steps = steps_before + int(metadata.get("ss_steps", 0))
    together = {**metadata, **({STEPS_KEY: str(steps)} if steps_before else {})}
    if path.suffix != ".pt":
        write_tensors(path, stored, together)
    elif len(stored) > 1:
        write_legacy_pickle(path, stored, together)
    else:
        write_legacy_pickle(path, _as_the_webui_has_it(path, next(iter(stored.values())), metadata, steps))


def _as_the_webui_has_it(path: Path, vectors: Tensor, metadata: Mapping[str, str], steps: int) -> dict[str, Any]:
    return {
        "string_to_token": {PLACEHOLDER: PLACEHOLDER_TOKEN},
        "string_to_param": {PLACEHOLDER: vectors},
        "name": path.stem,
        "step": steps,
        "sd_checkpoint": metadata.get("ss_new_sd_model_hash", "")[:10] or None,
        "sd_checkpoint_name": Path(metadata.get("ss_sd_model_name", "")).stem or None,
        METADATA_KEY: dict(metadata),
    }


@reader
def read_embedding(path: Path) -> Embedding:
    """The vectors of an embedding file, with name and steps.

    Raises:
        UserError: the file is missing or damaged, has more than tensors, or not the vectors of exactly one word.
    """
    file = read_tensors(path)
    vectors = checked_vectors(path, str(path), vectors_of(file), embedding_vectors(file.layout))
    name, step = name_and_step_of(file)
    return Embedding(vectors, name or path.stem, step, file.metadata, is_image(path))


def checked_vectors(
    path: Path, called: str, tensors: Mapping[str, Tensor], stored: Mapping[str, StoredTensor]
) -> dict[str, Tensor]:
    """The vectors of one word among the tensors of the file `path`, (vectors, width) by name.

    called: what they are, in messages. stored: the same as they are in the file.

    Raises:
        UserError: they are not the vectors of exactly one word.
    """
    vectors = {name: tensors[name].reshape(shape) for name, shape in vector_shapes(called, stored).items()}
    refuse_not_finite(path, vectors.values())
    return vectors


def vectors_of(file: TensorFile) -> dict[str, Tensor]:
    """The tensors of an embedding file by name; in the WebUI's format they are one level deeper."""
    inner: Any = file.content.get(INNER)
    if not isinstance(inner, dict):
        return file.tensors
    named = cast("dict[Any, Any]", inner)
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}


def name_and_step_of(file: TensorFile) -> tuple[str, int | None]:
    """The word and its training steps, "" and None where the file does not have them."""
    name = text(file.content.get("name")) or file.metadata.get("ss_output_name") or ""
    step = file.content.get("step", file.metadata.get(STEPS_KEY, file.metadata.get("ss_steps")))
    return name, whole(step)
