"""Prompts in chunks of 75 tokens; what is expected was recorded from the WebUI v1.10.1."""

from __future__ import annotations

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.families.chunks import Chunk, Piece, split_into_chunks
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import chunks_of, cut_off, uses_new_word
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.networks.new_words import NewWords
from sd_finetune.settings.prompt_reading import AS_THE_WEBUI, PromptReading
from tests.toy import Toy
from tests.unit.settings.test_prompt_syntax import RECORDED

START, END, COMMA, WORD = 49406, 49407, 267, 1


@pytest.fixture(scope="module")
def model(toy: Toy) -> DiffusionModel:
    return load_model(read_checkpoint(toy.checkpoint))


def used(chunks: list[Chunk]) -> list[list[list[float]]]:
    """Ids and weights of each chunk, up to the padding, as they were recorded."""
    found: list[list[list[float]]] = []
    for chunk in chunks:
        ids, weights = chunk.ids(START, END, END), chunk.weights()
        assert (len(ids), len(weights)) == (77, 77)
        count = 75 - chunk.room()
        assert (ids[0], set(ids[count + 1 :]), set(weights[count + 1 :])) == (START, {END}, {1.0})
        found.append([list(ids[1 : count + 1]), weights[1 : count + 1]])
    return found


@pytest.mark.parametrize("prompt", RECORDED)
def test_it_is_cut_as_the_webui_cuts_it(model: DiffusionModel, prompt: str) -> None:
    assert used(chunks_of(model, prompt, AS_THE_WEBUI)) == RECORDED[prompt]["chunks"]


def tokens(*counts: int) -> list[Piece]:
    """So many words, a comma, so many words, ..."""
    found: list[Piece] = []
    for number, count in enumerate(counts):
        found += [Piece((COMMA,), (COMMA,))] * (number > 0) + [Piece((WORD,), (WORD,))] * count
    return found


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        ((75,), [75]),
        ((76,), [75, 1]),
        ((55, 19, 1), [75, 2]),  # the comma begins the next chunk
        ((55, 20), [56, 20]),  # 19 of them are moved, with the one that has no room
        ((54, 21), [75, 1]),  # 20 would have to be
        ((74, 1), [75, 1]),
        ((10, 64, 1), [75, 2]),
        ((56, 79), [57, 75, 4]),
    ],
)
def test_a_full_chunk_ends_after_a_comma_that_is_near(counts: tuple[int, ...], sizes: list[int]) -> None:
    chunks, cut = split_into_chunks([tokens(*counts)], COMMA)
    assert ([75 - chunk.room() for chunk in chunks], cut) == (sizes, [])


def test_the_last_chunk_is_filled_to_its_end() -> None:
    chunks, cut = split_into_chunks([tokens(56, 40)], COMMA, most=1)
    assert ([chunk.room() for chunk in chunks], len(cut)) == ([0], 22)
    chunks, cut = split_into_chunks([tokens(3), tokens(80), tokens(2)], COMMA, most=2)
    assert ([chunk.room() for chunk in chunks], len(cut)) == ([72, 0], 7)


def test_a_word_s_vectors_stay_together() -> None:
    word = Piece((5, 6), tuple(range(100, 110)))
    chunks, cut = split_into_chunks([[*tokens(70), word, *tokens(1)]], COMMA)
    assert ([75 - chunk.room() for chunk in chunks], cut) == ([70, 11], [])
    chunks, cut = split_into_chunks([[*tokens(60, 8), word]], COMMA, most=1)
    assert ([75 - chunk.room() for chunk in chunks], cut) == ([69], [word])
    # It moves with the tokens behind the comma, where the WebUI leaves its vectors behind.
    chunks, _ = split_into_chunks([[*tokens(60, 4), word, *tokens(1)]], COMMA)
    assert ([75 - chunk.room() for chunk in chunks], chunks[1].pieces[4]) == ([61, 15], word)


@pytest.mark.parametrize(("tokens", "cut"), [(75, 120), (150, 45), (225, 0)])
def test_what_is_cut_off_is_told(model: DiffusionModel, tokens: int, cut: int) -> None:
    prompt = " ".join(["star"] * 195)
    reading = PromptReading(chunks=tokens // 75)
    assert cut_off(model, prompt, reading).split() == ["star"] * cut
    assert len(chunks_of(model, prompt, reading)) == min(tokens // 75, 3)
    assert cut_off(model, prompt, AS_THE_WEBUI) == ""


def test_a_short_text_can_be_too_long(model: DiffusionModel) -> None:
    assert cut_off(model, "a BREAK moon", PromptReading("original")) == "moon"
    assert cut_off(model, "\U00013000" * 70) != "", "a letter can be several tokens"


def test_a_new_word_counts_in_the_chunk_where_it_stands(model: DiffusionModel) -> None:
    words = NewWords(model, [("zib-7", {"text_encoder": torch.zeros(3, 32)})])
    words.attach()
    try:
        prompt = "star " * 80 + "zib-7"
        assert not uses_new_word(model, prompt)
        assert uses_new_word(model, prompt, PromptReading(chunks=2))
        (_, second) = chunks_of(model, prompt, PromptReading(chunks=2))
        assert second.ids(START, END, END)[1:10] == [*[1565] * 5, 49408, 49409, 49410, END]
        assert [chunk.weights()[1:5] for chunk in chunks_of(model, "(zib-7:1.5)", AS_THE_WEBUI)] == [[1.5, 1.5, 1.5, 1]]
    finally:
        words.detach()


def test_more_vectors_than_a_chunk_has_room_for_are_refused(model: DiffusionModel) -> None:
    with pytest.raises(UserError, match='"zib-7" has 76 vectors, but a prompt has room for 75 together'):
        NewWords(model, [("zib-7", {"text_encoder": torch.zeros(76, 32)})])
