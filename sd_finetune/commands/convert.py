"""Convert a checkpoint between one file and a folder in diffusers' layout."""

from __future__ import annotations

import argparse

from .model_files import add_checkpoint_arguments, add_out_argument, new_checkpoint_place, write_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_checkpoint_arguments(parser, vae="VAE that is saved in place of the checkpoint's own")
    add_out_argument(parser, or_folder=True)
    parser.epilog = "Numbers and precision stay as they are, so that a checkpoint comes back bit for bit."


def run(options: argparse.Namespace) -> int:
    """Save the checkpoint and print its path; 0. Raises UserError for arguments that cannot be used."""
    from ..formats.checkpoint import read_checkpoint
    from ..formats.vae_file import with_vae

    out = new_checkpoint_place(options.out)
    base = read_checkpoint(options.checkpoint, options.config)
    base = with_vae(base, options.vae) if options.vae else base
    write_model(out, base, {}, {})
    print(f"saved checkpoint: {out}")
    return 0
