"""Reduce the rank of a LoRA."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .arguments import whole_number
from .model_files import PRECISIONS, add_out_argument, new_model_file, read_lora_for
from .truncation_report import kept_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..formats.lora import LoraModule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("lora", type=Path, metavar="FILE", help="LoRA; not LoHa, LoKr or DoRA, whose rank cannot be reduced")
    rank = whole_number(1, 1024)
    add("--rank", type=rank, required=True, help="new rank, 1 to 1024; layers of a lower rank are not changed")
    add("--precision", choices=PRECISIONS, help="precision of the new file (default: that of the old one)")
    add_out_argument(parser)
    parser.epilog = (
        "Of each layer's change, the part with the largest singular values is kept. Alpha is scaled so that the new "
        "LoRA is used with the same weights as the old one. New words in it are kept. The output shows how much is "
        "kept, with the worst layers."
    )


def run(options: argparse.Namespace) -> int:
    """Save the LoRA and print how much it keeps; 0. Raises UserError for arguments that cannot be used."""
    from ..families.table import FAMILIES
    from ..formats.bundled_words import read_bundled
    from ..formats.classify import classify, layout_of
    from ..formats.lora import write_lora
    from ..formats.tool_metadata import resized_metadata
    from ..tools.svd import plain_loras, resized, share_of_all

    out = new_model_file(options.out)
    found_in_it, metadata = read_lora_for(None, options.lora)
    modules = plain_loras(str(options.lora), found_in_it)
    old_rank = max(module.rank for module in modules.values())
    if old_rank <= options.rank:
        raise UserError(f"{options.lora} has rank {old_rank} already: use a lower --rank.")
    found = resized(modules, options.rank)
    new = {name: truncation.module for name, truncation in found.items()}
    alpha = max(module.alpha for module in new.values())
    family = FAMILIES.get(classify(layout_of(options.lora))[1])
    about = resized_metadata(out, options.lora, family, metadata, options.rank, alpha, share_of_all(found.values()))
    words = {word: embedding.vectors for word, embedding in read_bundled(options.lora).items()}
    write_lora(out, new, about, options.precision or _precision_of(modules), words)
    print(f"rank {old_rank} to {options.rank}: {kept_text(found)}")
    print(f"saved lora: {out}")
    return 0


def _precision_of(modules: Mapping[str, LoraModule]) -> str:
    """The precision of a LoRA's first layer, float32 if we do not have it."""
    from ..formats.tensor_file import FILE_DTYPES

    dtype = next(iter(modules.values())).down.dtype
    return next((name for name, own in FILE_DTYPES.items() if own == dtype), "fp32")
