"""Words among tokens, as the WebUI finds them; ids of words and placeholders are made up."""

from __future__ import annotations

import pytest

from sd_finetune.families.placeholder_tokens import NewWord, with_new_words

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
    assert with_new_words(tokens, [SKS, SKS_STAR], limit=75) == found
    assert with_new_words(tokens, [SKS_STAR, SKS], limit=75) == found
    assert with_new_words(tokens, [], limit=75) == tokens


def test_what_has_no_room_is_left_out_and_no_word_is_cut() -> None:
    assert with_new_words([1, 2, 7, 8, 3], [SKS], limit=5) == [1, 2, 100, 101, 102]
    assert with_new_words([1, 2, 3, 7, 8, 4], [SKS], limit=5) == [1, 2, 3]
    assert with_new_words([1, 2, 3, 4, 5, 6], [SKS], limit=5) == [1, 2, 3, 4, 5]
