"""Installs a toy checkpoint for the WebUI, with everything that the WebUI needs to generate with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from ..families.ldm.sizes import TextEncoderSizes
from ..families.vocabulary import CLIP_TOKENIZER_FOLDER
from ..formats.checkpoint import read_checkpoint
from ..runs.atomic import replacing
from .toys import TOYS


def place_toy(folder: Path, toy: str = "sd1") -> Path:
    """Put a toy into a checkpoint folder and return its path there.

    Beside it go its `.yaml` and a folder with tokenizer and text encoder config: the WebUI's own are for a text
    encoder of another size. The `.yaml` has the full path of that folder, since the WebUI resolves a relative
    one from the folder it was started in.
    """
    ready = TOYS[toy].ready(folder)
    base = read_checkpoint(ready)
    placed = folder / ready.name
    text_model = (folder / f"{ready.stem}-text-model").absolute()
    write_text_model(text_model, base.architecture.text_encoder)
    config = base.family.to_yaml(replace(base.architecture, text_model=str(text_model)))
    # The .yaml before the checkpoint: without it the WebUI would take the file for a Stable Diffusion 1.5.
    with replacing(placed.with_suffix(".yaml")) as unfinished:
        unfinished.write_text(config, encoding="utf-8")
    if ready != placed:
        with replacing(placed) as unfinished:
            shutil.copyfile(ready, unfinished)
    return placed


def write_text_model(folder: Path, sizes: TextEncoderSizes) -> None:
    """Write the files that CLIPTokenizer and CLIPTextConfig of transformers read, without weights."""
    config = {"model_type": "clip_text_model", **sizes.arguments()}
    with replacing(folder / "config.json") as unfinished:
        unfinished.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for file in CLIP_TOKENIZER_FOLDER.iterdir():
        with replacing(folder / file.name) as unfinished:
            shutil.copyfile(file, unfinished)
