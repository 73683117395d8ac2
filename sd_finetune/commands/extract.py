"""Make a LoRA of the difference between two checkpoints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import whole_number
from .model_files import PRECISIONS, add_out_argument, new_model_file
from .progress import Progress
from .truncation_report import kept_text

if TYPE_CHECKING:
    from ..tools.svd import Truncation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="FILE", help="SD 1.x checkpoint that the LoRA will stand beside")
    add("--tuned", type=Path, required=True, metavar="FILE", help="the one that was trained from it")
    add("--config", type=Path, metavar="FILE", help="description of both (.yaml); default: those beside them, if any")
    add("--rank", type=whole_number(1, 1024), default=32, help="rank of the layers, 1 to 1024 (default: 32)")
    add("--text-encoder", action="store_true", help="the text encoder's difference too")
    add("--precision", choices=PRECISIONS, default="fp16", help="number format of the LoRA (default: fp16)")
    add_out_argument(parser)
    parser.epilog = (
        "The LoRA has the layers that training one has: those of the attention blocks and, if asked, of the text "
        "encoder. What changed in other layers (convolutions, norms) is not in it. How much of the difference it keeps "
        "is told at the end."
    )


def run(options: argparse.Namespace) -> int:
    """Write the LoRA and print how much it keeps; 0. What cannot be used raises UserError."""
    from ..formats.checkpoint import read_checkpoint
    from ..formats.lora import write_lora
    from ..formats.metadata import base_facts
    from ..formats.tool_metadata import extracted_metadata
    from ..runs.messages import Phase
    from ..tools.extract import change_norms, extract_lora
    from ..tools.svd import share_of_all

    out = new_model_file(options.out)
    base, tuned = (read_checkpoint(path, options.config) for path in (options.base, options.tuned))
    with Progress(sys.stdout) as progress:
        found = extract_lora(
            base,
            tuned,
            options.rank,
            options.text_encoder,
            lambda done, total: progress.show(Phase(name="extracting layers", done=done, total=total)),
        )
    named = {base.family.lora_name(base.architecture, *place): truncation for place, truncation in found.items()}
    facts = base_facts(base)
    kept = share_of_all(found.values())
    write_lora(
        out,
        {name: truncation.module for name, truncation in named.items()},
        extracted_metadata(out, facts, tuned.path, tuned.metadata, options.rank, kept),
        options.precision,
    )
    print(kept_text(named))
    for sentence in _about_the_rest(found, change_norms(base, tuned), options.text_encoder):
        print(sentence)
    print(f"saved lora: {out}")
    return 0


def _about_the_rest(
    found: Mapping[tuple[str, str], Truncation], whole: Mapping[str, float], with_text_encoder: bool
) -> Iterator[str]:
    """What of the difference is in no layer of the LoRA; whole: its norm by part."""
    for part, name in (("unet", "UNet"), ("text_encoder", "text encoder")):
        norms = [truncation.norm for (own, _), truncation in found.items() if own == part]
        if norms and whole[part]:
            share = min(1.0, hypot(*norms) / whole[part])
            yield f"In the layers of the LoRA is {share:.2%} of the norm of the {name}'s whole change."
        elif whole[part]:
            takes = part == "text_encoder" and not with_text_encoder
            reason = "--text-encoder takes it along" if takes else "it changed in no layer that a LoRA has"
            yield f"The {name} changed too, and this LoRA has nothing of it: {reason}."
