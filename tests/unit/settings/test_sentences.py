"""Sentences about settings are taken apart without a loss, and the user's own words are not mentions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.sentences import Mention, Quoted, first_mention, parts_of

NAMES = st.sampled_from(sorted(all_options()))


def written(part: str | Mention | Quoted) -> str:
    if isinstance(part, Mention):
        return part.place + ("" if part.value is None else f" = {part.value}")
    return part.text if isinstance(part, Quoted) else part


@given(st.lists(st.text() | NAMES | st.sampled_from([" = ", '"a"', "concepts.2.folder", ": set "])).map("".join))
def test_parts_make_the_sentence_again(sentence: str) -> None:
    assert "".join(map(written, parts_of(sentence))) == sentence


@pytest.mark.parametrize(
    ("sentence", "mentions"),
    [
        ('train.batch_size = "many" is not valid', [Mention("train.batch_size", None, '"many"')]),
        ("set lora.rank = 8.", [Mention("lora.rank", None, "8")]),
        ("concepts.2.folder is missing", [Mention("concepts.folder", 2)]),
        ('output.name = "set lora.rank"', [Mention("output.name", None, '"set lora.rank"')]),
        ("base.checkpoint = /a/train.length/b not found", [Mention("base.checkpoint", None, "/a/train.length/b")]),
        ("/my/train.length/x.png is broken", []),
        ("train.length.toml is not a folder", []),
        ('method = "lora" cannot', [Mention("method", None, '"lora"')]),
        ("the method of lora", []),
    ],
)
def test_mentions(sentence: str, mentions: list[Mention]) -> None:
    assert [part for part in parts_of(sentence) if isinstance(part, Mention)] == mentions


def test_the_place_of_the_first_mention() -> None:
    assert first_mention("concepts.3.class_prompt is missing, and prior.weight = 1") == "concepts.3.class_prompt"
    assert first_mention("There is nothing.") == ""
