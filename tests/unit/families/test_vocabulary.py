"""The tokenizer that is asked before a run gives the tokens that a run trains with."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from sd_finetune.families.prompts import word_tokens
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER, clip_tokens
from tests.unit.settings.test_prompt_syntax import RECORDED


@lru_cache(maxsize=1)
def model() -> Any:
    return SimpleNamespace(tokenizer=CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER), word_tokens={})


@pytest.mark.parametrize(
    "text", [*RECORDED, "", "zib-7", "Star", "a man's 12 o'clock", "Grüße, ΑΣΣ", "猫の写真", "a_b.c"]
)
def test_known_texts(text: str) -> None:
    assert clip_tokens(text) == word_tokens(model(), text)


@given(st.text(alphabet=st.characters(max_codepoint=0x7E, min_codepoint=0x20), max_size=60))
@example("<|startoftext|>a")
def test_any_plain_text(text: str) -> None:
    assert clip_tokens(text) == word_tokens(model(), text)


def test_it_does_without_torch() -> None:
    """Which the process of the tab does not load."""
    code = "import sys; from sd_finetune.families.vocabulary import clip_tokens; clip_tokens('a'); "
    asked = f"{code}print('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True).split() == ["False"]
