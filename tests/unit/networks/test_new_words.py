from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig

from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.ldm.text_encoder import ClipTextEncoder
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import chunks_of, tokenize, uses_new_word
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.networks.new_words import NewWords, attach_embedding_files, initial_vectors
from tests.toy import ARCHITECTURE, Toy, through_layers

ART, STAR, ASTERISK = 794, 1565, 265
"""Tokens of "art", "star" and "*" in CLIP's vocabulary."""


@pytest.fixture
def model(toy: Toy) -> DiffusionModel:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.text_encoder.float()
    return model


def word(vectors: Tensor) -> dict[str, Tensor]:
    """As of a model with one text encoder."""
    return {"text_encoder": vectors}


def drawn(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 32, generator=torch.Generator().manual_seed(seed))


def states_by_hand(model: DiffusionModel, rows: list[Tensor]) -> Tensor:
    """Hidden states of a sequence of token embeddings, filled up with the end's, through the text model's layers."""
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    middle = torch.cat(rows)
    embedded = torch.cat([table[[49406]], middle, table[[49407]].expand(76 - len(middle), -1)])
    positions = model.text_encoder.text_model.embeddings.position_embedding.weight
    model = model.text_encoder.text_model
    return model.final_layer_norm(through_layers(model.encoder.layers, (embedded + positions)[None]))


def test_vectors_stand_where_the_word_does(model: DiffusionModel) -> None:
    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    zib, mo = drawn(3), drawn(2, seed=1)
    words = NewWords(model, [("Zib-7", word(zib)), ("mo", word(mo))])
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
        words = NewWords(model, [("zib-7", word(drawn(2)))])
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
    words = NewWords(model, [("zib-7", word(drawn(2))), ("mo-9", word(drawn(2, seed=1)))])
    words.attach()
    model.encode_prompts(["a zib-7"]).hidden_states.square().sum().backward()
    used, unused = (vectors.grad for vectors in words.by_part["text_encoder"])
    assert used is not None
    assert bool((used.norm(dim=1) > 0).all())
    assert unused is not None
    assert torch.equal(unused, torch.zeros(2, 32))
    assert model.text_encoder.text_model.embeddings.token_embedding.weight.grad is None


def test_a_prompt_is_cut_before_a_word_without_room(model: DiffusionModel) -> None:
    NewWords(model, [("zib-7", word(drawn(3)))]).attach()
    (fits,) = tokenize(model, chunks_of(model, "star " * 72 + "zib-7 art"), "text_encoder").tolist()
    assert fits == [49406, *[STAR] * 72, 49408, 49409, 49410, 49407]
    (too_long,) = tokenize(model, chunks_of(model, "star " * 73 + "zib-7 art"), "text_encoder").tolist()
    assert too_long == [49406, *[STAR] * 73, 49407, 49407, 49407]
    assert uses_new_word(model, "star " * 72 + "zib-7")
    assert not uses_new_word(model, "star " * 73 + "zib-7")
    assert not uses_new_word(model, "a zibs-7 zib")


def test_two_at_once_and_twice_the_same_are_refused(model: DiffusionModel) -> None:
    with pytest.raises(UserError, match='"ZIB-7" is the name of two embeddings, as case is ignored'):
        NewWords(model, [("zib-7", word(drawn(1))), ("ZIB-7", word(drawn(1)))])
    with pytest.raises(UserError, match="so it cannot be used in a prompt"):
        NewWords(model, [(" ", word(drawn(1)))])
    words = NewWords(model, [("zib-7", word(drawn(1)))])
    words.attach()
    with pytest.raises(RuntimeError, match="is attached already"):
        words.attach()
    with pytest.raises(RuntimeError, match="already has new words"):
        NewWords(model, [("mo-9", word(drawn(1)))]).attach()


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
    (found,) = initial_vectors(model, text, count).values()
    assert torch.equal(found, table[tokens])
    assert (found.dtype, found.requires_grad) == (torch.float32, False)


def test_of_no_text_they_start_at_zero(model: DiffusionModel) -> None:
    (found,) = initial_vectors(model, "", 2).values()
    assert torch.equal(found, torch.zeros(2, 32))


def test_files_are_called_by_their_names(model: DiffusionModel, tmp_path: Path) -> None:
    save_file({"emb_params": drawn(2)}, tmp_path / "zib-7.safetensors")
    save_file({"<anything>": drawn(1, seed=1)}, tmp_path / "mo 9.safetensors")
    words = attach_embedding_files(model, [tmp_path / "zib-7.safetensors", tmp_path / "mo 9.safetensors"])
    (ids,) = tokenize(model, chunks_of(model, "mo 9 zib-7"), "text_encoder").tolist()
    assert ids[:5] == [49406, 49410, 49408, 49409, 49407]
    assert torch.equal(words.of_word(1)["text_encoder"], drawn(1, seed=1))
    assert not any(vectors.requires_grad for vectors in words.parameters())


def test_another_width_is_refused(model: DiffusionModel, tmp_path: Path) -> None:
    save_file({"emb_params": torch.ones(2, 768)}, tmp_path / "wide.safetensors")
    with pytest.raises(UserError, match=r"wide\.safetensors has vectors of width 768, but .* needs width 32: use"):
        attach_embedding_files(model, [tmp_path / "wide.safetensors"])


@pytest.fixture
def two(model: DiffusionModel) -> DiffusionModel:
    """A model with two text encoders, the second of another width."""
    names = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}
    facts = replace(SD1, title="Two", text_encoders=tuple(names), embedding_names=names)
    config = {**ARCHITECTURE.text_config(), "hidden_size": 48}
    second = ClipTextEncoder(CLIPTextConfig(**config)).requires_grad_(False)
    encoders = {"text_encoder": model.text_encoder, "text_encoder_2": second}
    return replace(model, family=cast("Any", SimpleNamespace(facts=facts)), text_encoders=encoders)


def pair(count: int) -> dict[str, Tensor]:
    return {"text_encoder": drawn(count), "text_encoder_2": torch.randn(count, 48)}


def test_each_text_encoder_has_vectors_of_its_own_by_the_same_ids(two: DiffusionModel) -> None:
    zib, mo = pair(2), pair(1)
    words = NewWords(two, [("zib-7", zib), ("mo-9", mo)])
    words.attach()
    ids = torch.tensor([[49406, *[i for word in words.words for i in word.placeholders], STAR]])
    for part, encoder in two.text_encoders.items():
        table = encoder.get_input_embeddings()
        found = table(ids)[0]
        assert torch.equal(found, torch.cat([table.weight[[49406]], zib[part], mo[part], table.weight[[STAR]]]))
        found.sum().backward()
    assert all(vectors.grad is not None for own in words.by_part.values() for vectors in own), "both are trained"
    words.detach()
    with pytest.raises(IndexError):
        two.text_encoders["text_encoder_2"].get_input_embeddings()(ids)


def test_the_text_s_token_embeddings_of_each_text_encoder(two: DiffusionModel) -> None:
    found = initial_vectors(two, "art star", 2)
    assert list(found) == list(two.text_encoders)
    for part, encoder in two.text_encoders.items():
        assert torch.equal(found[part], encoder.get_input_embeddings().weight[[ART, STAR]])
    assert {part: own.shape for part, own in initial_vectors(two, "", 3).items()} == {
        "text_encoder": (3, 32), "text_encoder_2": (3, 48),
    }  # fmt: skip


def test_a_file_with_vectors_for_both(two: DiffusionModel, tmp_path: Path) -> None:
    own = pair(2)
    save_file({"clip_g": own["text_encoder_2"], "clip_l": own["text_encoder"]}, tmp_path / "zib-7.safetensors")
    words = attach_embedding_files(two, [tmp_path / "zib-7.safetensors"])
    assert all(torch.equal(found, own[part]) for part, found in words.of_word(0).items())


REFUSED = {
    "only clip_l": ({"clip_l": torch.ones(2, 32)}, r"vectors for clip_l alone, but this checkpoint needs them for 2"),
    "only clip_g": ({"clip_g": torch.ones(2, 48)}, r"vectors for clip_g alone, but this checkpoint needs them for 2"),
    "of one": ({"emb_params": torch.ones(2, 32)}, r"for a single text encoder, .* for 2 text encoders \(clip_l and"),
    "wide": (
        {"clip_l": torch.ones(2, 32), "clip_g": torch.ones(2, 1280)},
        r"has vectors of width 1280 for clip_g, but this checkpoint needs width 48: use",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_for_other_text_encoders_is_refused(two: DiffusionModel, tmp_path: Path, kind: str) -> None:
    tensors, said = REFUSED[kind]
    save_file(tensors, tmp_path / "zib.safetensors")
    with pytest.raises(UserError, match=rf"zib\.safetensors .*{said}"):
        attach_embedding_files(two, [tmp_path / "zib.safetensors"])


def test_a_file_for_two_is_refused_where_there_is_one(model: DiffusionModel, tmp_path: Path) -> None:
    save_file({"clip_l": torch.ones(2, 32), "clip_g": torch.ones(2, 48)}, tmp_path / "zib.safetensors")
    with pytest.raises(UserError, match=r"for 2 text encoders .* needs them for a single .* of Stable Diffusion 1\.$"):
        attach_embedding_files(model, [tmp_path / "zib.safetensors"])
