"""A checkpoint of random weights that the Forge family accepts: that knows checkpoints by the sizes of tensors."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from sd_finetune.families.ldm.sizes import TextEncoderSizes, UNetSizes, VaeSizes
from tests.toy import make_checkpoint

SLIM = "slim.safetensors"


@cache
def made_slim() -> Path:
    """One for this process: VAE and text encoder of Stable Diffusion 1.5, its UNet with two levels. 490 MB."""
    return make_checkpoint(
        Path(mkdtemp(prefix="sd-finetune-slim-")) / SLIM,
        precision="fp16",
        prompt_mean=0.1,
        unet=UNetSizes(channel_mult=(1, 1), num_res_blocks=1, attention_resolutions=(2, 1)),
        vae=VaeSizes(),
        text_encoder=TextEncoderSizes(),
    )


def place_slim(folder: Path) -> Path:
    """Put it into a folder; its path there."""
    placed = folder / SLIM
    if not placed.exists():
        link_or_copy(made_slim(), placed)
    return placed


def forget_slim() -> None:
    """Remove what `made_slim` made."""
    if made_slim.cache_info().currsize:
        shutil.rmtree(made_slim().parent)
        made_slim.cache_clear()


def link_or_copy(source: Path, target: Path) -> None:
    """A file of the same content, for nothing where both are on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
