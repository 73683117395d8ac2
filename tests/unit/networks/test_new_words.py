from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import chunks_of, tokenize, uses_new_word
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.networks.new_words import NewWords, attach_embedding_files, initial_vectors
from tests.toy import Toy

ART, STAR, ASTERISK = 794, 1565, 265
"""Tokens of "art", "star" and "*" in CLIP's vocabulary."""


@pytest.fixture
def model(toy: Toy) -> DiffusionModel:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.text_encoder.float()
    return model


def drawn(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 32, generator=torch.Generator().manual_seed(seed))


def states_by_hand(model: DiffusionModel, rows: list[Tensor]) -> Tensor:
    """Hidden states of a sequence of token embeddings, filled up with the end's, through the text model's layers."""
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    middle = torch.cat(rows)
    embedded = torch.cat([table[[49406]], middle, table[[49407]].expand(76 - len(middle), -1)])
    positions = model.text_encoder.text_model.embeddings.position_embedding.weight
    model = model.text_encoder.text_model
    mask = torch.full((77, 77), torch.finfo(torch.float32).min).triu(1)[None, None]
    layer = model.encoder.layers[0]
    assert len(model.encoder.layers) == 1
    return model.final_layer_norm(layer((embedded + positions)[None], None, mask)[0])


def test_vectors_stand_where_the_word_does(model: DiffusionModel) -> None:
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    zib, mo = drawn(3), drawn(2, seed=1)
    words = NewWords(model, [("Zib-7", zib), ("mo", mo)])
    words.attach()
    with torch.no_grad():
        found = model.encode_prompts(["star ZIB-7, zib-7 mo art", "star"]).hidden_states
        comma = table[[267]]
        rows = [table[[STAR]], zib, comma, zib, mo, table[[ART]]]
        torch.testing.assert_close(found[:1], states_by_hand(model, rows), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found[1:], states_by_hand(model, [table[[STAR]]]), rtol=1e-4, atol=1e-5)


def test_prompts_without_the_word_and_the_table_stay_as_they_are(model: DiffusionModel) -> None:
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    before, known = table.clone(), ["a photo of a star", ""]
    with torch.no_grad():
        states, broken_up = model.encode_prompts(known).hidden_states, model.encode_prompts(["a zib-7"]).hidden_states
        words = NewWords(model, [("zib-7", drawn(2))])
        words.attach()
        assert torch.equal(model.encode_prompts(known).hidden_states, states)
        taught = model.encode_prompts(["a zib-7"]).hidden_states
        assert not torch.allclose(taught, broken_up, atol=1e-2)
        with words.detached():
            assert torch.equal(model.encode_prompts(["a zib-7"]).hidden_states, broken_up)
        assert torch.equal(model.encode_prompts(["a zib-7"]).hidden_states, taught)
        words.detach()
        assert torch.equal(model.encode_prompts(["a zib-7"]).hidden_states, broken_up)
    assert torch.equal(table, before)


def test_only_the_vectors_of_words_in_the_prompt_get_gradients(model: DiffusionModel) -> None:
    words = NewWords(model, [("zib-7", drawn(2)), ("mo-9", drawn(2, seed=1))])
    words.attach()
    model.encode_prompts(["a zib-7"]).hidden_states.square().sum().backward()
    used, unused = (vectors.grad for vectors in words.vectors)
    assert used is not None
    assert bool((used.norm(dim=1) > 0).all())
    assert unused is not None
    assert torch.equal(unused, torch.zeros(2, 32))
    assert model.text_encoder.text_model.embeddings.token_embedding.weight.grad is None


def test_a_prompt_is_cut_before_a_word_without_room(model: DiffusionModel) -> None:
    NewWords(model, [("zib-7", drawn(3))]).attach()
    (fits,) = tokenize(model, chunks_of(model, "star " * 72 + "zib-7 art")).tolist()
    assert fits == [49406, *[STAR] * 72, 49408, 49409, 49410, 49407]
    (too_long,) = tokenize(model, chunks_of(model, "star " * 73 + "zib-7 art")).tolist()
    assert too_long == [49406, *[STAR] * 73, 49407, 49407, 49407]
    assert uses_new_word(model, "star " * 72 + "zib-7")
    assert not uses_new_word(model, "star " * 73 + "zib-7")
    assert not uses_new_word(model, "a zibs-7 zib")


def test_two_at_once_and_twice_the_same_are_refused(model: DiffusionModel) -> None:
    with pytest.raises(UserError, match='"ZIB-7" is the name of two embeddings, as case is ignored'):
        NewWords(model, [("zib-7", drawn(1)), ("ZIB-7", drawn(1))])
    with pytest.raises(UserError, match="so it cannot be used in a prompt"):
        NewWords(model, [(" ", drawn(1))])
    words = NewWords(model, [("zib-7", drawn(1))])
    words.attach()
    with pytest.raises(RuntimeError, match="is attached already"):
        words.attach()
    with pytest.raises(RuntimeError, match="already has new words"):
        NewWords(model, [("mo-9", drawn(1))]).attach()


@pytest.mark.parametrize(
    ("text", "count", "tokens"),
    [
        ("*", 3, [ASTERISK] * 3),
        ("star", 1, [STAR]),
        ("art star", 4, [ART, ART, STAR, STAR]),
        ("art star", 3, [ART, ART, STAR]),
        ("art star star", 1, [ART]),
    ],
)
def test_vectors_start_as_the_text_s(model: DiffusionModel, text: str, count: int, tokens: list[int]) -> None:
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    found = initial_vectors(model, text, count)
    assert torch.equal(found, table[tokens])
    assert (found.dtype, found.requires_grad) == (torch.float32, False)


def test_of_no_text_they_start_at_zero(model: DiffusionModel) -> None:
    assert torch.equal(initial_vectors(model, "", 2), torch.zeros(2, 32))


def test_files_are_called_by_their_names(model: DiffusionModel, tmp_path: Path) -> None:
    save_file({"emb_params": drawn(2)}, tmp_path / "zib-7.safetensors")
    save_file({"<anything>": drawn(1, seed=1)}, tmp_path / "mo 9.safetensors")
    words = attach_embedding_files(model, [tmp_path / "zib-7.safetensors", tmp_path / "mo 9.safetensors"])
    (ids,) = tokenize(model, chunks_of(model, "mo 9 zib-7")).tolist()
    assert ids[:5] == [49406, 49410, 49408, 49409, 49407]
    assert torch.equal(words.vectors[1], drawn(1, seed=1))
    assert not any(vectors.requires_grad for vectors in words.vectors)


def test_another_width_is_refused(model: DiffusionModel, tmp_path: Path) -> None:
    save_file({"emb_params": torch.ones(2, 768)}, tmp_path / "wide.safetensors")
    with pytest.raises(UserError, match=r"wide\.safetensors has vectors of width 768, but .* needs width 32: use"):
        attach_embedding_files(model, [tmp_path / "wide.safetensors"])
