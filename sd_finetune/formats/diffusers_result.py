"""Writes a checkpoint in diffusers' layout, which `StableDiffusionPipeline.from_pretrained` and its like read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..runs.atomic import replacing_folder
from .checkpoint import CONSTANT_ENDING, Checkpoint, Parts, lasting
from .diffusers_folder import FORMAT_KEY
from .metadata_keys import CONFIG_KEY
from .tensor_file import FILE_DTYPES, write_tensors

WEIGHTS = {"unet": "diffusion_pytorch_model.safetensors", "vae": "diffusion_pytorch_model.safetensors"}
ENCODER_WEIGHTS = "model.safetensors"


def write_folder(
    path: Path,
    base: Checkpoint,
    trained: Parts,
    precision: str | None = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `base` with the tensors of `trained` instead of its own, whole or not at all.

    Arguments as of `write_checkpoint`. What was not trained keeps its numbers and precision. The metadata stands in the
    UNet's file, where `read_checkpoint` finds it. A base that is such a folder gives its scheduler to the result.

    Raises:
        UserError: there is no space left.
        NotFiniteError: a trained weight is not finite in `precision`.
    """
    about = {name: text for name, text in lasting(base.metadata).items() if name != CONFIG_KEY}
    with replacing_folder(path) as unfinished:
        for part, own in base.parts.items():
            changed = {name: tensor for name, tensor in trained.get(part, {}).items() if name in own}
            dtypes = {} if precision is None else dict.fromkeys(changed, FILE_DTYPES[precision])
            tensors = {
                name: tensor for name, tensor in {**own, **changed}.items() if not name.endswith(CONSTANT_ENDING)
            }
            said = {FORMAT_KEY: "pt", **({**about, **(metadata or {})} if part == "unet" else {})}
            file = unfinished / part / WEIGHTS.get(part, ENCODER_WEIGHTS)
            write_tensors(file, tensors, said, dtypes, called=path)
        base.family.write_pipeline_files(base.architecture, unfinished, base.scheduler)
