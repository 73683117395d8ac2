from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.families.prompts import refuse_clip_skip, word_tokens
from sd_finetune.families.sd1.facts import SD1


def test_a_text_is_tokenized_once() -> None:
    asked: list[str] = []

    def tokenizer(text: str, **_: Any) -> Any:
        asked.append(text)
        return SimpleNamespace(input_ids=[len(text)])

    model: Any = SimpleNamespace(tokenizer=tokenizer, word_tokens={})
    assert [word_tokens(model, text) for text in ("star", "a star", "star")] == [(4,), (6,), (4,)]
    assert asked == ["star", "a star"]


def test_clip_skip_is_refused_where_it_has_no_effect() -> None:
    facts = replace(SD1, title="Another", has_clip_skip=False)
    encoder = SimpleNamespace(config=SimpleNamespace(num_hidden_layers=12))
    model: Any = SimpleNamespace(family=SimpleNamespace(facts=facts), text_encoder=encoder)
    with pytest.raises(
        UserError, match=r"train.clip_skip = 2 has no effect on Another, .* clip skip 2 .*: set it to 1"
    ):
        refuse_clip_skip(model, 2, "train.clip_skip")
