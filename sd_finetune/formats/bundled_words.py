"""New words in the file of a LoRA, as AUTOMATIC1111's WebUI and OneTrainer have them.

    bundle_emb.WORD.string_to_param.*               for a single text encoder
    bundle_emb.WORD.clip_l, bundle_emb.WORD.clip_g  for each of several

    word_tensors(words, dtype) -> the tensors of a file that is to be written
    read_bundled(path) -> {word: Embedding}; bundled_in(path, file), of a file that is read already

The WebUI knows such a word while the LoRA is in the prompt. It ends a word's name at the first dot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..reading.door import reader
from .classify import WORDS
from .embedding import PLACEHOLDER, Embedding, checked_vectors
from .embedding_layout import INNER, bundled_vectors, called_in
from .tensor_file import TensorFile, converted, read_tensors

Words = Mapping[str, Mapping[str, Tensor]]
"""By word, the vectors by the name that the family has for the text encoder: (vectors, width)."""


def word_tensors(path: Path, words: Words, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of the words by their names in the file `path`.

    Raises:
        NotFiniteError: a value is not finite in the type.
    """
    found: dict[str, Tensor] = {}
    for word, vectors in words.items():
        for name, own in vectors.items():
            inner = name if len(vectors) > 1 else f"{INNER}.{PLACEHOLDER}"
            found[f"{WORDS}{word}.{inner}"] = converted(path, own, dtype)
    return found


@reader
def read_bundled(path: Path) -> dict[str, Embedding]:
    """The new words in the file of a LoRA, which may be none.

    Raises:
        UserError: the file is missing or damaged, or what is there of a word is not its vectors.
    """
    return bundled_in(path, read_tensors(path))


def bundled_in(path: Path, file: TensorFile) -> dict[str, Embedding]:
    """The same of a file that is read already."""
    found, stored = bundled_vectors(file.tensors), bundled_vectors(file.layout.tensors)
    return {
        word: Embedding(checked_vectors(path, called_in(path, word), own, stored[word]), word, None, file.metadata)
        for word, own in found.items()
    }
