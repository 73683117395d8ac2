"""Shapes that differ between a file in LDM's layout and diffusers' modules."""

from __future__ import annotations


def module_shape(part: str, name: str, shape: tuple[int, ...], linear_projections: bool) -> tuple[int, ...]:
    """The shape of a tensor in the module, given its shape in a file.

    LDM's VAE attention has 1x1 convolutions, diffusers' has linear layers. The projections of the UNet's transformers
    are of one kind in both, but some converters store them as the other.
    """
    if not name.endswith(".weight"):
        return shape
    if part == "vae" and ".attentions." in name:
        return shape[:2]
    if part == "unet" and ".proj_" in name:
        return shape[:2] if linear_projections else (*shape[:2], 1, 1)
    return shape


def file_shape(ldm_name: str, shape: tuple[int, ...], vae: str) -> tuple[int, ...]:
    """The shape of a tensor in a file, given its shape in the module. vae: beginning of the names of the VAE."""
    is_vae_attention = ldm_name.startswith(vae) and ".mid.attn_1." in ldm_name
    return (*shape, 1, 1) if is_vae_attention and len(shape) == 2 else shape
