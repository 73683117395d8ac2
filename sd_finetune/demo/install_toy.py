"""Puts the toy checkpoint where the WebUI finds it, with all that the WebUI needs to draw with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from ..families.prompts import CLIP_TOKENIZER_FOLDER
from ..families.sd1.architecture import Architecture
from ..formats.checkpoint import read_checkpoint
from ..runs.atomic import replacing
from .paths import TOY_CHECKPOINT


def place_toy(folder: Path, checkpoint: Path = TOY_CHECKPOINT) -> Path:
    """Copy the toy into a folder of checkpoints and return the copy's path.

    Beside it come its `.yaml` and a folder with tokenizer and text encoder config: the WebUI's own are for a text
    encoder of another size. The `.yaml` names that folder by its full path, since the WebUI looks up a relative one
    from wherever it was started.
    """
    base = read_checkpoint(checkpoint)
    placed = folder / checkpoint.name
    text_model = (folder / f"{checkpoint.stem}-text-model").absolute()
    write_text_model(text_model, base.architecture)
    config = base.family.to_yaml(replace(base.architecture, text_model=str(text_model)))
    # The .yaml before the checkpoint: without it the WebUI would take the file for a Stable Diffusion 1.5.
    with replacing(placed.with_suffix(".yaml")) as unfinished:
        unfinished.write_text(config, encoding="utf-8")
    with replacing(placed) as unfinished:
        shutil.copyfile(checkpoint, unfinished)
    return placed


def write_text_model(folder: Path, architecture: Architecture) -> None:
    """Write what CLIPTokenizer and CLIPTextConfig of transformers read from a folder; there are no weights in it."""
    config = {"model_type": "clip_text_model", **architecture.text_config()}
    with replacing(folder / "config.json") as unfinished:
        unfinished.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for file in CLIP_TOKENIZER_FOLDER.iterdir():
        with replacing(folder / file.name) as unfinished:
            shutil.copyfile(file, unfinished)
