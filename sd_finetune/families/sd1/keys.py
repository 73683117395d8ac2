"""The names of a checkpoint's tensors: LDM (in the file) and diffusers (in the modules), in one table used both ways.

    name_table(architecture) -> {part: {diffusers name: place in the file}}, parts "unet", "vae", "text_encoder"
    usual_spelling(file_name) -> the LDM name of a tensor that has another one in some files
    module_shape(part, diffusers_name, shape) -> the shape in the diffusers module
    file_shape(ldm_name, shape) -> the shape in an LDM file

The table holds what is trained or frozen in the modules. Buffers (noise schedule, position_ids, EMA) are not in it.
"""

from __future__ import annotations

from ..ldm import shapes
from ..ldm.clip_names import clip_names
from ..ldm.unet_names import unet_names
from ..ldm.vae_names import usual_vae_name, vae_names
from ..place import Place
from .architecture import Sd1Architecture
from .facts import SD1

UNET, VAE, TEXT = (SD1.part_prefixes[part] for part in ("unet", "vae", "text_encoder"))


def name_table(architecture: Sd1Architecture) -> dict[str, dict[str, Place]]:
    """Part to diffusers tensor name to LDM tensor, in the order of the network."""
    return {
        "unet": {name: Place(UNET + ldm) for name, ldm in unet_names(architecture.unet)},
        "vae": {name: Place(VAE + ldm) for name, ldm in vae_names(architecture.vae)},
        "text_encoder": {name: Place(TEXT + name) for name in clip_names(architecture.text_encoder)},
    }


def usual_spelling(file_name: str) -> str:
    """The LDM name of a file's tensor.

    Some files (NovelAI's and merges of it) leave out CLIP's `text_model`; others have diffusers' names in the VAE.
    """
    if file_name.startswith(VAE):
        return usual_vae_name(file_name)
    inner = file_name[len(TEXT) :]
    if file_name.startswith(TEXT) and inner.startswith(("embeddings.", "encoder.", "final_layer_norm.")):
        return f"{TEXT}text_model.{inner}"
    return file_name


def module_shape(part: str, diffusers_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in the module, given its shape in a file."""
    return shapes.module_shape(part, diffusers_name, shape, linear_projections=False)


def file_shape(ldm_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in an LDM file, given its shape in the module."""
    return shapes.file_shape(ldm_name, shape, VAE)
