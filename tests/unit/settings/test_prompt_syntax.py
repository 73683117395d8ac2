"""Emphasis and BREAK; what is expected was recorded from the WebUI v1.10.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_finetune.errors import UserError
from sd_finetune.settings.prompt_syntax import WeightedText, weight_fault, weighted_texts

RECORDED = json.loads((Path(__file__).parent / "webui_prompts.json").read_text(encoding="utf-8"))
"""By prompt: `parsed`, pieces with their weights; `chunks`, see test_chunks.py."""


def pieces(prompt: str) -> list[list[object]]:
    return [[piece.text, piece.weight] for piece in weighted_texts(prompt)]


@pytest.mark.parametrize("prompt", RECORDED)
def test_it_is_read_as_the_webui_reads_it(prompt: str) -> None:
    assert pieces(prompt) == RECORDED[prompt]["parsed"]


@given(st.text(alphabet="ab \n.,:-\\()[]12BREAK"))
def test_any_text_can_be_read_but_for_weights_that_are_no_numbers(prompt: str) -> None:
    try:
        read = weighted_texts(prompt)
    except UserError:
        return
    assert read
    letters = "".join(piece.text for piece in read if not piece.is_break)
    assert set(letters) <= set(prompt)


def test_text_without_marks_stays_as_it_is() -> None:
    assert weighted_texts(" a red  star, {b|c} ") == [WeightedText(" a red  star, {b|c} ")]


@pytest.mark.parametrize("weight", ["1.2.3", ".", "-."])
def test_a_weight_that_is_no_number_is_refused(weight: str) -> None:
    with pytest.raises(UserError, match=r"is not a number: write a weight like \(word:1\.2\)"):
        weighted_texts(f"a (star:{weight})")


@given(st.text(alphabet="ab :.()[]12\\"))
def test_what_cannot_be_read_is_told_by_a_quicker_look_too(prompt: str) -> None:
    told = ""
    try:
        weighted_texts(prompt)
    except UserError as error:
        told = str(error)
    assert weight_fault(prompt) == told
