"""What textual inversion asks of a word and its prompt templates, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import CLIPTokenizer

from sd_finetune.errors import UserError
from sd_finetune.families.vocabulary import CLIP_TOKENIZER_FOLDER
from sd_finetune.settings.learned_words import begins_with, learned_words, unused_options
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.settings.result_files import result_files

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
    with pytest.raises(UserError, match=r"instance_prompt = .* has \[name\], but no new word is trained: write"):
        from_dict({**content, "method": "lora"})


def result_names(settings: Settings) -> tuple[str, ...]:
    return tuple(file.name for file in result_files(settings))


def two_words(word: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The second concept has a word of its own."""
    (concept,) = word["concepts"]
    return {**word, "concepts": [{**concept, **first}, {**concept, "word": "zab-2", **second}]}


def test_a_concept_has_its_own_word_or_the_run_s(word: dict[str, Any]) -> None:
    own = {"initial_text": "dog", "vectors": 4, "word_file": "my zab"}
    run, zab = learned_words(from_dict(two_words(word, {}, own)))
    assert (run.word, run.file, run.initial_text, run.vectors, run.option) == ("zib-7", "zib-7", "*", 1, "output.name")
    assert (zab.word, zab.file, zab.initial_text, zab.vectors, zab.place) == ("zab-2", "my zab", "dog", 4, "concepts.2")
    plain = from_dict({**two_words(word, {}, {}), "textual_inversion": {"initial_text": "cat", "vectors": 3}})
    assert [(each.initial_text, each.vectors) for each in learned_words(plain)] == [("cat", 3)] * 2
    assert result_names(plain) == ("zib-7", "zab-2")
    shared = two_words(word, {"word": "ZAB-2", "initial_text": "dog"}, {"vectors": 2})
    (both,) = learned_words(from_dict(shared))
    assert (both.word, both.initial_text, both.vectors) == ("ZAB-2", "dog", 2)
    assert result_names(from_dict({**shared, "method": "lora"})) == ("zib-7",)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ({}, {"word": "<zab>"}, r'concepts\.2\.word = "<zab>" is not valid as a new word: use only letters'),
        (
            {},
            {"word": "zib - 7"},
            r'concepts\.2\.word = "zib - 7" and output\.name = "zib-7" are read as the same word: write both the same',
        ),
        ({}, {"word_file": "ZIB-7"}, r'concepts\.2\.word_file: "zab-2" and "zib-7" would both be saved as "ZIB-7"'),
        ({}, {"word_file": "a/b"}, r'concepts\.2\.word_file: "a/b" is not valid as a file name'),
        ({}, {"word": "zab."}, r'concepts\.2\.word_file: "zab\." is not valid as a file name'),
        (
            {"word": "zab-2", "initial_text": "cat"},
            {"initial_text": "dog"},
            r'concepts\.2\.initial_text = dog is not concepts\.1\.initial_text = cat, and both are about "zab-2"',
        ),
    ],
)
def test_words_that_cannot_be_together_are_refused(
    word: dict[str, Any], first: dict[str, Any], second: dict[str, Any], sentence: str
) -> None:
    content = two_words(word, first, second)
    with pytest.raises(UserError, match=sentence) as raised:
        from_dict(content)
    assert "\n" not in str(raised.value)
    from_dict({**content, "method": "lora"})


def test_what_is_about_no_word_is_told(word: dict[str, Any]) -> None:
    content = {**two_words(word, {"vectors": 2}, {}), "textual_inversion": {"word": "zib"}}
    (sentence,) = unused_options(from_dict(content))
    assert sentence == (
        "concepts.1.vectors is not used, as the concept has no word of its own: set concepts.1.word, or "
        "textual_inversion.vectors instead."
    )
    content["concepts"][0]["word"] = "zub"
    assert list(unused_options(from_dict(content))) == [
        'textual_inversion.word = "zib" is not used, as every concept has a word of its own.'
    ]


def test_a_file_to_continue_from_is_for_the_run_s_word(word: dict[str, Any]) -> None:
    content = two_words(word, {"word": "zub-1"}, {})
    from_dict(content)
    content["base"] = {**content["base"], "continue_from": "zib.safetensors"}
    with pytest.raises(
        UserError, match=r"base\.continue_from .* every concept has a word of its own: set concepts\.1\."
    ):
        from_dict(content)


def test_each_concept_s_prompt_says_its_own_word(word: dict[str, Any]) -> None:
    content = {**two_words(word, {}, {}), "textual_inversion": {"template": "instance_prompt"}}
    for concept, prompt in zip(content["concepts"], ("a zib-7", "a zab-2 and a zib-7"), strict=True):
        concept["instance_prompt"] = prompt
    from_dict(content)
    content["concepts"][1]["instance_prompt"] = "a zib-7"
    with pytest.raises(UserError, match=rf'concepts\.2\.instance_prompt = "a zib-7" lacks the new word: {WAY_OUT}'):
        from_dict(content)


@pytest.mark.parametrize(
    ("word", "other", "found"),
    [
        ("zib dog", "zib", True),
        ("ZIB-7", "zib", True),
        ("zib7", "zib", True),
        ("zib 12", "zib 1", True),
        ("zibdog", "zib", False),
        ("zib", "zib dog", False),
        ("my zib", "zib", False),
        ("zib", "", False),
    ],
)
def test_a_word_may_be_the_beginning_of_another(word: str, other: str, found: bool) -> None:
    assert begins_with(word, other) == found
    tokenizer = CLIPTokenizer.from_pretrained(CLIP_TOKENIZER_FOLDER)
    tokens, beginning = (tokenizer(text, add_special_tokens=False).input_ids for text in (word, other))
    assert found == (bool(beginning) and tokens[: len(beginning)] == beginning)


@pytest.mark.parametrize(("pattern", "name"), [("{name}", "ZIB-7"), ("{name}-{step:06d}", "zib-7-000100")])
@pytest.mark.parametrize("kept", ["beside", "both"])
def test_an_embedding_never_takes_the_file_of_its_lora(
    word: dict[str, Any], pattern: str, name: str, kept: str
) -> None:
    own = {"folder": "results/", "embeddings_folder": "results", "name_pattern": pattern}
    asked = {**word, "method": "lora", "lora": {"new_words": kept}, "output": {**word["output"], **own}}
    asked["concepts"][0] |= {"instance_prompt": "a [name]", "word": "zab", "word_file": name}
    sentence = r'output\.embeddings_folder: "{}" would be the file of a LoRA and of an embedding in results'
    with pytest.raises(UserError, match=sentence.format(name)):
        from_dict(asked)
    from_dict({**asked, "lora": {"new_words": "bundled"}})
    from_dict({**asked, "output": {**asked["output"], "embeddings_folder": "others"}})
