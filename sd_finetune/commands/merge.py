"""Merge LoRAs into a checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..settings.rules import is_file_name
from .model_files import (
    ENDING,
    add_checkpoint_arguments,
    add_out_argument,
    file_and_weight,
    new_checkpoint_place,
    new_model_file,
    read_lora_for,
    write_model,
)

if TYPE_CHECKING:
    from ..formats.embedding import Embedding

NO_MERGE = "use it as a LoRA, whose file has room for it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add_checkpoint_arguments(parser, vae="VAE that is saved in place of the checkpoint's own")
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
        "for bit. New words in a LoRA's file, for which a checkpoint has no room, are saved as embeddings beside it."
    )


def run(options: argparse.Namespace) -> int:
    """Save the checkpoint and print its path; 0. Raises UserError for arguments that cannot be used."""
    from ..formats.checkpoint import read_checkpoint
    from ..formats.embedding import write_embedding
    from ..formats.tool_metadata import merged_metadata, word_metadata
    from ..formats.vae_file import with_vae
    from ..networks.lora_files import WeightedLora
    from ..tools.merge import merge_loras

    out = new_checkpoint_place(options.out)
    chosen = [file_and_weight(text) for text in options.lora]
    base = read_checkpoint(options.checkpoint, options.config)
    base = with_vae(base, options.vae) if options.vae else base
    loras = [(path, weight, *read_lora_for(base.family.facts, path)) for path, weight in chosen]
    embeddings = _new_embeddings(out, [path for path, _ in chosen])
    merged = merge_loras(base, [WeightedLora(modules, weight, str(path)) for path, weight, modules, _ in loras])
    metadata = merged_metadata(
        out, base.path, base.family.facts, [(path, weight, about) for path, weight, _, about in loras]
    )
    write_model(out, base, merged, metadata)
    print(f"saved checkpoint: {out}")
    names = list(base.family.facts.embedding_names.values())
    for path, embedding in embeddings.items():
        vectors = embedding.vectors if len(names) > 1 else {names[0]: next(iter(embedding.vectors.values()))}
        write_embedding(path, vectors, word_metadata(embedding.name, embedding.metadata), "fp32")
        print(f"saved embedding: {path}")
    return 0


def _new_embeddings(out: Path, loras: Sequence[Path]) -> dict[Path, Embedding]:
    """By the file that each is going to be saved in, the new words in the files of LoRAs, of two alike the first's.

    Raises:
        UserError: such a file exists, or a word cannot be the name of one.
    """
    from ..formats.bundled_words import read_bundled

    found: dict[Path, Embedding] = {}
    for lora in loras:
        for word, embedding in read_bundled(lora).items():
            if not is_file_name(word):
                raise UserError(f'{lora} has the new word "{word}", which no file can be called after: {NO_MERGE}.')
            found.setdefault(out.with_name(f"{word}{ENDING}"), embedding)
    return {new_model_file(path): embedding for path, embedding in found.items()}
