"""Prompts by chance: every choice is made, as often as it should be, and the same numbers give the same prompt."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from sd_finetune.data.captions import Caption, CaptionReader
from sd_finetune.data.concepts import instance_examples
from sd_finetune.data.prompt_building import plain_prompt, random_prompt
from sd_finetune.settings.options import Captions, Concept
from sd_finetune.settings.read import find_faults


def drawn(text: str, template: str = "[filewords]", times: int = 400, **options: Any) -> Counter[str]:
    made = random_prompt([template], Caption(text), Captions(**options))
    assert made is not None
    found = Counter(made.draw(0, Random(number)) for number in range(times))
    known = made.all()
    assert known is None or set(found) <= set(known)
    return found


def plain(text: str, template: str = "[filewords]", **options: Any) -> str:
    return plain_prompt(template, Caption(text), Captions(**options))


def test_without_options_there_is_one_prompt() -> None:
    assert random_prompt(["a [filewords]", "b"], Caption("x, y\nz {a|b}"), Captions()) is None
    assert random_prompt(["a"], None, Captions(shuffle=True, drop_rate=0.5)) is None
    assert plain("x, y\nz {a|b}", "a [filewords]") == "a x, y z {a|b}"


def test_shuffled_tags_with_the_first_kept() -> None:
    found = drawn("sks dog, a, b,c ,", "[filewords], photo", shuffle=True, keep_first=1)
    orders = ["abc", "acb", "bac", "bca", "cab", "cba"]
    assert set(found) == {f"sks dog, {', '.join(order)}, photo" for order in orders}
    assert min(found.values()) > 30
    assert set(drawn("a|b", shuffle=True, separator="|")) == {"a| b", "b| a"}


def test_dropped_tags_and_captions() -> None:
    found = drawn("sks dog, a, b", "photo, [filewords]", tag_drop_rate=0.25, keep_first=1)
    rest = {"photo, sks dog, a, b": 225, "photo, sks dog, a": 75, "photo, sks dog, b": 75, "photo, sks dog": 25}
    assert found == {prompt: pytest.approx(count, abs=30) for prompt, count in rest.items()}
    assert drawn("a", "sks dog, [filewords]", drop_rate=0.25) == {
        "sks dog, a": pytest.approx(300, abs=40),
        "sks dog": pytest.approx(100, abs=40),
    }
    assert drawn("a", drop_rate=1.0, prefix="sks,") == {"": 400}
    assert drawn("sks, a", tag_drop_rate=1.0, keep_first=1) == {"sks": 400}


def test_prefix_and_suffix() -> None:
    options = {"prefix": "sks dog,", "suffix": ", photo"}
    assert plain("a, b", **options) == "sks dog, a, b , photo"
    assert plain("", **options) == "sks dog, , photo"
    assert plain("a", "no caption", **options) == "no caption"
    assert set(drawn("a", shuffle=True, prefix="sks,", keep_first=1)) == {"sks, a"}


def test_several_captions_in_a_file() -> None:
    text = "a  dog\n\n a cat, asleep \n"
    assert plain(text) == "a dog a cat, asleep"
    assert plain(text, several_lines="first") == "a dog"
    assert random_prompt(["[filewords]"], Caption(text), Captions(several_lines="first")) is None
    assert drawn(text, several_lines="random") == {
        "a dog": pytest.approx(200, abs=40),
        "a cat, asleep": pytest.approx(200, abs=40),
    }


def test_wildcards() -> None:
    found = drawn("a {red|blue|{dark|light} green} dog, {{x}}", "{photo|picture} of [filewords]", wildcards=True)
    colors = {"red", "blue", "dark green", "light green"}
    kinds = {"photo", "picture"}
    assert set(found) == {f"{kind} of a {color} dog, {{x}}" for color in colors for kind in kinds}
    assert plain("a {red|blue} dog", wildcards=True) == "a red dog"
    assert plain("a } b { c", wildcards=True) == "a } b { c"
    assert random_prompt(["{{x}}"], None, Captions(wildcards=True)) is None


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("a {red|blue dog", True), ("a red} dog", True), ("a } {", True), ("a {red|{dark|light} green} dog", False),
     ("{{x}} a", False), ("a dog", False)],
)  # fmt: skip
def test_a_brace_without_its_other_one_is_told(tmp_path: Path, text: str, is_open: bool) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "1.png")
    (tmp_path / "1.txt").write_text(text)
    concept = Concept(folder=str(tmp_path))
    _, warnings = instance_examples([concept], Captions(wildcards=True))
    assert [f'such as "{text}"' in told for told in warnings] == [True] * is_open
    assert instance_examples([concept], Captions())[1] == []


def test_chance_is_of_the_given_numbers_alone() -> None:
    options = Captions(shuffle=True, tag_drop_rate=0.3, drop_rate=0.2, wildcards=True, several_lines="random")
    made = random_prompt(["[filewords]"], Caption("a, b, {c|d}\ne, f, g"), options)
    assert made is not None
    before = [made.draw(0, Random(number)) for number in range(50)]
    random.seed(3)
    assert [made.draw(0, Random(number)) for number in reversed(range(50))] == before[::-1]


@pytest.mark.parametrize(
    ("regex", "join", "caption"),
    [
        ("", " ", "a_red-star 3"),
        (r"[a-z]+", " ", "a red star"),
        (r"[a-z]+", "+", "a+red+star"),
        (r"_([a-z]+)", " ", "red"),
    ],
)
def test_words_of_file_names_as_in_the_webui(tmp_path: Path, regex: str, join: str, caption: str) -> None:
    reader = CaptionReader([str(tmp_path)], Captions(name_regex=regex, name_join=join))
    assert reader.of(tmp_path / "0012-a_red-star 3.png").line == caption


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("separator", "", "captions.separator is empty: write"),
        ("name_regex", "(", 'captions.name_regex = "(" is not a regular expression ('),
        ("drop_rate", 1.5, "captions.drop_rate = 1.5 is out of range"),
    ],
)
def test_what_is_refused(option: str, value: object, sentence: str) -> None:
    assert find_faults({"captions": {option: value}})[f"captions.{option}"].startswith(sentence)
