"""The group [base]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option


@dataclass(frozen=True)
class Base:
    """The checkpoint that training starts from."""

    checkpoint: str = option(
        "",
        "base checkpoint: an SD 1.x or SDXL model, .safetensors or .ckpt, or a folder in diffusers' layout",
        is_path=True,
    )
    config: str = option(
        "", "model config (.yaml); empty = the one beside the checkpoint, if there is one", is_path=True
    )
    vae: str = option(
        "",
        "VAE that encodes training images and decodes samples in place of the checkpoint's own, and that goes into "
        "checkpoints which are saved, a file or a folder of diffusers; empty = the checkpoint's own",
        is_path=True,
    )
    continue_from: str = option(
        "",
        "result of an earlier run to continue from: a LoRA, embedding or hypernetwork, for dreambooth a checkpoint "
        "(class images and the VAE still come from the base); empty = start from scratch",
        is_path=True,
    )
