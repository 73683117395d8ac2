"""What textual inversion asks of a word and its prompt templates, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.read import from_dict

WAY_OUT = r"write \[name\] where it goes"


@pytest.fixture
def word(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "method": "textual_inversion", "output": {"name": "zib-7"}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"word": "<zib>"},
            r'textual_inversion\.word = "<zib>" is not valid as a new word: use only letters, digits, spaces',
        ),
        ({"word": "._-"}, r'textual_inversion\.word = "\._-" is not valid as a new word'),
        ({"vectors": 76}, r"textual_inversion\.vectors = 76 is out of range: use a whole number from 1 to 75"),
        ({"template": "own"}, r'textual_inversion\.own_templates is empty: add prompts like "a photo of \[name\]"'),
        (
            {"template": "own", "own_templates": ["a [name]", "a star"]},
            rf'textual_inversion\.own_templates contains "a star", which lacks the new word: {WAY_OUT}',
        ),
        (
            {"template": "instance_prompt"},
            rf'concepts\.1\.instance_prompt = "a photo of sks dog" lacks the new word: {WAY_OUT}',
        ),
    ],
)
def test_what_cannot_be_is_said(word: dict[str, Any], changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        from_dict({**word, "textual_inversion": changes})
    assert "\n" not in str(raised.value)
    if "is out of range" not in sentence:
        from_dict({**word, "method": "lora", "textual_inversion": changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"template": "own", "own_templates": ["a [name]", "one ZIB-7"]},
        {"template": "instance_prompt", "word": "SKS dog"},
        {"word": "Żółw 3._-"},
    ],
)
def test_what_can_be_is_taken(word: dict[str, Any], changes: dict[str, Any]) -> None:
    settings = from_dict({**word, "textual_inversion": changes})
    assert settings.new_word() == changes.get("word", "zib-7")


def test_captions_may_hold_the_word(word: dict[str, Any]) -> None:
    word["concepts"][0]["instance_prompt"] = "[filewords]"
    from_dict({**word, "textual_inversion": {"template": "instance_prompt"}})


def test_the_file_s_name_is_the_word_unless_another_is_given(word: dict[str, Any]) -> None:
    with pytest.raises(
        UserError, match=r'output\.name = "zib\(7\)" is not valid as a new word: .*, or set textual_inversion\.word\.'
    ):
        from_dict({**word, "output": {"name": "zib(7)"}})
    from_dict({**word, "output": {"name": "zib(7)"}, "textual_inversion": {"word": "zib"}})


def test_the_text_encoder_is_not_trained_beside(word: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"train\.train_text_encoder = true is not for method textual_inversion"):
        from_dict({**word, "train": {"train_text_encoder": True}})


def test_a_name_that_nothing_fills_in_is_refused(content: dict[str, Any]) -> None:
    content["concepts"][0]["instance_prompt"] = "a photo of [name]"
    with pytest.raises(
        UserError, match=r"instance_prompt = .* has \[name\], which only textual_inversion replaces: write"
    ):
        from_dict({**content, "method": "lora"})
