"""Extract a LoRA from the difference between two checkpoints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..runs.progress import Progress
from ..settings.catalogue import all_options
from ..settings.groups.lora import Lora
from ..settings.options import Settings
from .arguments import regular_expression, whole_number
from .model_files import PRECISIONS, add_out_argument, new_model_file
from .truncation_report import kept_text

if TYPE_CHECKING:
    from ..tools.svd import Truncation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="FILE", help="SD 1.x or SDXL checkpoint that the LoRA is for")
    add("--tuned", type=Path, required=True, metavar="FILE", help="checkpoint that was fine-tuned from it")
    add("--config", type=Path, metavar="FILE", help="config of both (.yaml); default: those beside them, if any")
    add("--rank", type=whole_number(1, 1024), default=32, help="rank of the LoRA, 1 to 1024 (default: 32)")
    add(
        "--conv-rank",
        type=whole_number(0, 1024),
        default=0,
        help="rank of layers beside convolutions (LoCon), 0 to 1024; 0 = none, unless --targets chooses such layers",
    )
    add("--targets", choices=_targets(), default=Lora().targets, help=f"layers (default: {Lora().targets})")
    add("--pattern", type=regular_expression, default="", help='which layers, with --targets pattern: "up_blocks"')
    add("--text-encoder", action="store_true", help="extract the text encoders' difference too")
    add("--precision", choices=PRECISIONS, default="fp16", help="precision of the LoRA (default: fp16)")
    add_out_argument(parser)
    parser.epilog = (
        "The LoRA has the layers of a trained one: those of the attention blocks and, with --text-encoder, of the text "
        "encoders; with --conv-rank also those of residual blocks, and with --targets all every layer of the UNet. "
        "Changes in norms and biases are left out. The output shows how much of the difference is kept."
    )


def run(options: argparse.Namespace) -> int:
    """Save the LoRA and print how much it keeps; 0. Raises UserError for arguments that cannot be used."""
    from ..formats.checkpoint import read_checkpoint
    from ..formats.lora import write_lora
    from ..formats.metadata import base_facts
    from ..formats.tool_metadata import extracted_metadata
    from ..runs.messages import Phase
    from ..settings.lora_ranks import LayerRanks
    from ..tools.extract import change_norms, extract_lora
    from ..tools.svd import share_of_all

    out = new_model_file(options.out)
    asked = _asked(options)
    base, tuned = (read_checkpoint(path, options.config) for path in (options.base, options.tuned))
    with Progress(sys.stdout) as progress:
        found = extract_lora(
            base,
            tuned,
            LayerRanks(asked),
            options.text_encoder,
            lambda done, total: progress.show(Phase(name="extracting layers", done=done, total=total)),
        )
    named = {base.family.lora_name(base.architecture, *place): truncation for place, truncation in found.items()}
    facts = base_facts(base)
    kept = share_of_all(found.values())
    write_lora(
        out,
        {name: truncation.module for name, truncation in named.items()},
        extracted_metadata(out, facts, tuned.path, tuned.metadata, asked, kept),
        options.precision,
    )
    print(kept_text(named))
    for sentence in _about_the_rest(found, change_norms(base, tuned), options.text_encoder):
        print(sentence)
    print(f"saved lora: {out}")
    return 0


def _targets() -> tuple[str, ...]:
    option = all_options()["lora.targets"].option
    assert option is not None
    return option.choices


def _asked(options: argparse.Namespace) -> Settings:
    """As in the settings of a LoRA with these layers."""
    if (options.targets == "pattern") != bool(options.pattern):
        raise UserError("--pattern and --targets pattern go together: use both, or neither.")
    own = Lora(
        rank=options.rank, alpha=None, conv_rank=options.conv_rank, targets=options.targets, pattern=options.pattern
    )
    return replace(Settings(), lora=own)


def _about_the_rest(
    found: Mapping[tuple[str, str], Truncation], whole: Mapping[str, float], with_text_encoder: bool
) -> Iterator[str]:
    """How much of the difference is not in layers of the LoRA; whole: the norm of the difference by part."""
    for part, change in whole.items():
        name = "UNet" if part == "unet" else part.replace("_", " ")
        norms = [truncation.norm for (own, _), truncation in found.items() if own == part]
        if norms and change:
            share = min(1.0, hypot(*norms) / change)
            yield f"{share:.2%} of the norm of the {name}'s change is in layers of the LoRA."
        elif change:
            takes = part != "unet" and not with_text_encoder
            reason = (
                "use --text-encoder to include it" if takes else "its changes are in layers that a LoRA does not have"
            )
            yield f"The {name} changed too, but is not in this LoRA: {reason}."
