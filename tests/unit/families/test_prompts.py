from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sd_finetune.families.prompts import word_tokens


def test_a_text_is_tokenized_once() -> None:
    asked: list[str] = []

    def tokenizer(text: str, **_: Any) -> Any:
        asked.append(text)
        return SimpleNamespace(input_ids=[len(text)])

    model: Any = SimpleNamespace(tokenizer=tokenizer, word_tokens={})
    assert [word_tokens(model, text) for text in ("star", "a star", "star")] == [(4,), (6,), (4,)]
    assert asked == ["star", "a star"]
