"""Keeps what was trained of the toy SDXL in the package, and reports its quality.

python -m sd_finetune.demo.pretraining.build_xl WORK_FOLDER
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTokenizer

from ...families.vocabulary import CLIP_TOKENIZER_FOLDER
from ...runs.atomic import replacing
from ..expand_xl import SHARED, VARIANTS, expand
from ..paths import TRAINED_XL, TRAINED_XL_V
from .denoising import averaged_weights
from .pretrain_xl import trained_tokens
from .toy_report import toy_report, write_report

UNET, CLIP_L, CLIP_G = "0.", "1.clip_l.", "1.clip_g."
"""Beginnings of the names of the pretraining's modules."""
NOT_KEPT = r"position_ids$|^text_encoder\.text_model\.final_layer_norm\."
"""What nothing reads: the pretraining's CLIP-L has the norm that it came with."""


def trained_tensors(folder: Path, tokenizer: CLIPTokenizer) -> dict[str, Tensor]:
    """What the stages before v trained, in half precision, and the tokens whose embeddings these are."""
    joint, epsilon = averaged_weights(folder / "joint.pt"), averaged_weights(folder / "epsilon.pt")
    named = {
        **_renamed(joint, CLIP_L, "text_encoder."),
        **_renamed(joint, CLIP_G, "text_encoder_2."),
        **_renamed(epsilon, UNET, "unet."),
    }
    kept = {name: value for name, value in named.items() if not re.search(NOT_KEPT, name)}
    return {**kept, "seen": torch.tensor(trained_tokens(tokenizer))}


def trained_for_v(folder: Path) -> dict[str, Tensor]:
    """What the variant with v-prediction has of its own."""
    return {
        name: value
        for name, value in _renamed(averaged_weights(folder / "v.pt"), UNET, "unet.").items()
        if not re.search(SHARED, name.removeprefix("unet."))
    }


def _renamed(tensors: Mapping[str, Tensor], start: str, new: str) -> dict[str, Tensor]:
    return {
        new + name.removeprefix(start): value.half().contiguous()
        for name, value in tensors.items()
        if name.startswith(start)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep the pretrained toy SDXL and report its quality.")
    parser.add_argument("folder", type=Path, help="the work folder of the pretraining")
    parser.add_argument("--images", type=int, default=300)
    options = parser.parse_args()
    trained = trained_tensors(options.folder, CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER))
    for path, tensors in ((TRAINED_XL, trained), (TRAINED_XL_V, trained_for_v(options.folder))):
        with replacing(path) as unfinished:
            save_file(tensors, unfinished)
    with tempfile.TemporaryDirectory() as folder:
        reports = {name: toy_report(expand(Path(folder), name), options.images) for name in VARIANTS}
    write_report(TRAINED_XL.with_name("quality.json"), reports)


if __name__ == "__main__":
    main()
