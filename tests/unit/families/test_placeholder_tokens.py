"""Words among tokens, as the WebUI finds them; ids of words and placeholders are made up."""

from __future__ import annotations

import pytest

from sd_finetune.families.placeholder_tokens import NewWord, pieces_of

SKS = NewWord(tokens=(7, 8), placeholders=(100, 101, 102))
SKS_STAR = NewWord(tokens=(7, 8, 9), placeholders=(103,))


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([1, 7, 8, 2], [1, 100, 101, 102, 2]),
        ([7, 8, 7, 8], [100, 101, 102, 100, 101, 102]),
        ([7, 8, 9], [103]),
        ([7, 7, 8], [7, 100, 101, 102]),
        ([8, 7], [8, 7]),
        ([1, 7], [1, 7]),
        ([], []),
    ],
)
def test_the_longest_word_is_taken_and_no_part_of_one(tokens: list[int], found: list[int]) -> None:
    for words, expected in (([SKS, SKS_STAR], found), ([SKS_STAR, SKS], found), ([], tokens)):
        pieces = list(pieces_of(tokens, words))
        assert [one for piece in pieces for one in piece.ids] == expected
        assert [one for piece in pieces for one in piece.tokens] == tokens


def test_a_word_without_tokens_is_found_nowhere() -> None:
    assert [piece.tokens for piece in pieces_of([1, 2], [NewWord((), (9,))])] == [(1,), (2,)]
