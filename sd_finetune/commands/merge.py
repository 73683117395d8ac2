"""Merge LoRAs into a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from .model_files import add_out_argument, file_and_weight, new_checkpoint_place, read_lora_for, write_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="FILE",
        help="SD 1.x or SDXL checkpoint, .safetensors, .ckpt or folder of diffusers",
    )
    add("--config", type=Path, metavar="FILE", help="its config (.yaml); default: the one beside it, if any")
    add("--vae", type=Path, metavar="FILE", help="VAE that is saved in place of the checkpoint's own")
    add(
        "--lora",
        action="append",
        required=True,
        metavar="FILE[:WEIGHT]",
        help="LoRA to merge, repeatable; the weight is 1 by default, below 0 subtracts the LoRA",
    )
    add_out_argument(parser, or_folder=True)
    parser.epilog = (
        "Weights are added in float32 and saved in the checkpoint's own precision. What no LoRA changes is kept bit "
        "for bit."
    )


def run(options: argparse.Namespace) -> int:
    """Save the checkpoint and print its path; 0. Raises UserError for arguments that cannot be used."""
    from ..formats.checkpoint import read_checkpoint
    from ..formats.tool_metadata import merged_metadata
    from ..formats.vae_file import with_vae
    from ..networks.lora_files import WeightedLora
    from ..tools.merge import merge_loras

    out = new_checkpoint_place(options.out)
    chosen = [file_and_weight(text) for text in options.lora]
    base = read_checkpoint(options.checkpoint, options.config)
    base = with_vae(base, options.vae) if options.vae else base
    loras = [(path, weight, *read_lora_for(base.family.facts, path)) for path, weight in chosen]
    merged = merge_loras(base, [WeightedLora(modules, weight, str(path)) for path, weight, modules, _ in loras])
    metadata = merged_metadata(
        out, base.path, base.family.facts, [(path, weight, about) for path, weight, _, about in loras]
    )
    write_model(out, base, merged, metadata)
    print(f"saved checkpoint: {out}")
    return 0
