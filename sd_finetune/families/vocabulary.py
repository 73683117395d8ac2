"""CLIP's tokenizer without transformers, which would load torch: for what is told of prompts before a run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, cast

CLIP_TOKENIZER_FOLDER = Path(__file__).parent / "tokenizer"

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""What is cut apart before pairs are joined (openai/CLIP, `simple_tokenizer.py`)."""
_SPECIAL = "<|startoftext|>", "<|endoftext|>"


@lru_cache(maxsize=1)
def has_tokenizers() -> bool:
    """Whether this process, which may be a WebUI's, can tokenize; ours for training always can."""
    try:
        return _tokenizer() is not None
    except Exception:  # whatever a broken or a very different version raises: the run tells what is left
        return False


@lru_cache(maxsize=4096)  # the tab asks with every change of its form
def clip_tokens(text: str) -> tuple[int, ...]:
    """All token ids of a text, without start, end and padding."""
    return tuple(_tokenizer().encode(mended(text), add_special_tokens=False).ids)


def mended(text: str) -> str:
    """In lower case, and with plain quotes and letters and no HTML where ftfy is installed, as CLIP reads it.

    Libraries lower each letter by itself, Python the Σ at a word's end to ς, as the WebUI's tokenizer does.
    """
    try:
        from ftfy import fix_text  # not in every WebUI, whose own process imports this file
    except ImportError:
        return text.lower()
    return fix_text(text).lower()


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    import tokenizers  # pyright: ignore[reportMissingTypeStubs]

    library = cast("Any", tokenizers)
    pairs = library.models.BPE.from_file(
        str(CLIP_TOKENIZER_FOLDER / "vocab.json"),
        str(CLIP_TOKENIZER_FOLDER / "merges.txt"),
        end_of_word_suffix="</w>",
        unk_token="<|endoftext|>",
    )
    made, normal, before = library.Tokenizer(pairs), library.normalizers, library.pre_tokenizers
    spaces = normal.Replace(library.Regex(r"\s+"), " ")
    made.normalizer = normal.Sequence([normal.NFC(), spaces])
    words = before.Split(library.Regex(_WORDS), behavior="removed", invert=True)
    made.pre_tokenizer = before.Sequence([words, before.ByteLevel(add_prefix_space=False)])
    made.add_special_tokens(list(_SPECIAL))
    return made
