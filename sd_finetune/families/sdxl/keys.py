"""The names of an SDXL checkpoint's tensors: in the file (sgm's layout) and in the modules, in one table for both ways.

See `families.sd1.keys`; the parts are "unet", "vae", "text_encoder" and "text_encoder_2".
"""

from __future__ import annotations

from ..ldm import shapes
from ..ldm.clip_names import clip_names
from ..ldm.unet_names import unet_names
from ..ldm.vae_names import usual_vae_name, vae_names
from ..place import Place
from .architecture import SdxlArchitecture
from .facts import SDXL
from .open_clip_names import open_clip_places

UNET, VAE, TEXT, TEXT_2 = (SDXL.part_prefixes[part] for part in ("unet", "vae", *SDXL.text_encoders))


def name_table(architecture: SdxlArchitecture) -> dict[str, dict[str, Place]]:
    """Part to the module's tensor name to its place in the file, in the order of the network."""
    open_clip = open_clip_places(architecture.text_encoder_2)
    return {
        "unet": {name: Place(UNET + ldm) for name, ldm in unet_names(architecture.unet)},
        "vae": {name: Place(VAE + ldm) for name, ldm in vae_names(architecture.vae)},
        "text_encoder": {name: Place(TEXT + name) for name in clip_names(architecture.text_encoder)},
        "text_encoder_2": {name: place.called(TEXT_2 + place.name) for name, place in open_clip},
    }


def usual_spelling(file_name: str) -> str:
    """The usual name of a file's tensor: some files have diffusers' names in the VAE."""
    return usual_vae_name(file_name) if file_name.startswith(VAE) else file_name


def module_shape(part: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in the module, given the shape of what is taken from a file."""
    return shapes.module_shape(part, name, shape, linear_projections=True)


def file_shape(usual_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a tensor in a file, given its shape in the module."""
    return shapes.file_shape(usual_name, shape, VAE)
