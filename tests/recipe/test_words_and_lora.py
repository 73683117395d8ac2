"""Pivotal tuning: new words and LoRA layers in one run, and what is made of their file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.bundled_words import read_bundled
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.metadata_keys import WORD_KEY
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.networks.new_words import attach_embedding_files
from sd_finetune.runs.messages import Done, Saved, Step, Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.setup import Training, prepare
from tests.toy import ROWS, Toy, after_step, answer, events_of, load_doubled, train_and_command, trained

WORD = {
    "lora.new_words": "bundled",
    "textual_inversion.word": "zib-7",
    "textual_inversion.initial_text": "star",
    "textual_inversion.learning_rate": 1e-2,
    "concepts.instance_prompt": "a photo of [name]",
}
PRIOR = {"prior.weight": 1.0, "prior.source": "model"}


def saved(training: Training) -> dict[str, Path]:
    """By kind, the last result of each."""
    return {event.result: Path(event.path) for event in events_of(training.run, Saved)}


def said(training: Training) -> list[str]:
    return [event.message for event in events_of(training.run, Warning_)]


def words_in(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in values.items() if name.startswith("embedding")}


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_the_word_goes_into_the_file_and_alone_it_is_another_than_at_its_start(
    toys: Callable[[str], Toy], kind: str
) -> None:
    toy = toys(kind)
    training = toy.prepare({**WORD, **PRIOR})
    start = words_in(trained(training))
    train(training)
    path, end = saved(training)["lora"], words_in(trained(training))
    assert all(not torch.equal(start[name], value) for name, value in end.items())
    names = {"sd1": ["string_to_param.*"], "sdxl": ["clip_g", "clip_l"]}[kind]
    assert sorted(n for n in load_file(path) if n.startswith("bundle")) == [f"bundle_emb.zib-7.{n}" for n in names]
    (embedding,) = read_bundled(path).values()
    assert all(any(torch.equal(own, value) for value in end.values()) for own in embedding.vectors.values())
    assert read_tensors(path).metadata[WORD_KEY] == "zib-7"
    model, prompt = load_doubled(toy.checkpoint), "a photo of zib-7"
    untrained = answer(model, "a photo of star")
    attach_embedding_files(model, [], [path])  # the LoRA itself is off
    assert not torch.equal(answer(model, prompt), untrained)
    assert torch.equal(answer(model, "a photo of star"), untrained), "other prompts are answered as before"


def test_the_prior_is_asked_without_layers_and_without_words(toy: Toy) -> None:
    training, base = toy.train({**WORD, **PRIOR}), answer(load_doubled(toy.checkpoint), "a photo of zib-7")
    training.model.unet.double()
    with training.method.untrained():
        assert training.model.new_words == ()
        assert torch.allclose(answer(training.model, "a photo of zib-7"), base, rtol=1e-9)


def test_after_their_share_the_words_stay_and_the_layers_go_on(toy: Toy) -> None:
    changes = {
        **ROWS["lora+words"],
        "lora.new_words_share": 0.4,
        "train.length": "5 steps",
        "evaluation.every": "1 step",
    }
    training = toy.prepare(changes)
    seen = [trained(training)]
    for step in range(1, 6):
        after_step(training, step, lambda: seen.append(trained(training)))
    train(training)
    words = [words_in(values) for values in seen]
    assert [not torch.equal(a["embedding.vectors"], b["embedding.vectors"]) for a, b in pairwise(words)] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert any(not torch.equal(seen[-1][name], value) for name, value in seen[-2].items())
    rates = [event.learning_rates for event in events_of(training.run, Step)]
    assert [rate["embedding"] > 0 for rate in rates] == [True, True, False, False, False]
    assert all(rate["unet"] > 0 for rate in rates)


@pytest.mark.parametrize("optimizer", ["adamw", "adamw_schedule_free"])
@pytest.mark.parametrize("stopped_after", [1, 3])
def test_stopped_before_or_after_their_share_it_goes_on_to_the_bit(
    toy: Toy, optimizer: str, stopped_after: int
) -> None:
    """With an average or an optimizer that samples with other weights, whose prompts are not those of training."""
    changes = {
        **ROWS["lora+words"], "train.train_text_encoder": True, "train.text_encoder_share": 0.6,
        "lora.new_words_share": 0.4, "train.length": "5 steps", "evaluation.every": "1 step",
        "optimizer.name": optimizer, "ema.decay": 0.9 if optimizer == "adamw" else 0.0,
    }  # fmt: skip
    whole, first = toy.train(changes), toy.prepare(changes)
    outcome = train_and_command(first, stopped_after, "stop")
    assert isinstance(outcome, Done)
    first.events.append(outcome)
    second = prepare(first.run, resume=True)
    train(second)
    assert all(torch.equal(value, trained(second)[name]) for name, value in trained(whole).items())
    assert second.run.loss_csv.read_text() == whole.run.loss_csv.read_text()


def test_with_text_encoders_that_stay_words_go_on(toy: Toy) -> None:
    changes = {**ROWS["lora+words"], "train.train_text_encoder": True, "train.text_encoder_share": 0.4}
    training = toy.prepare({**changes, "train.length": "5 steps"})
    seen = [trained(training)]
    for step in range(1, 6):
        after_step(training, step, lambda: seen.append(trained(training)))
    train(training)
    words = [words_in(values)["embedding.vectors"] for values in seen]
    assert all(not torch.equal(one, other) for one, other in pairwise(words))


def test_beside_the_lora_they_are_embeddings(toy: Toy, tmp_path: Path) -> None:
    own = {"lora.new_words": "both", "output.embeddings_folder": str(tmp_path / "embeddings")}
    training = toy.train({**WORD, **own, "output.save_every": "1 step", "output.keep": 1, "output.name": "lora-1"})
    found = saved(training)
    assert found["embedding"] == tmp_path / "embeddings" / "lora-1.safetensors"
    assert found["lora"].parent == training.run.output
    bundled, beside = read_bundled(found["lora"])["zib-7"], read_embedding(found["embedding"])
    assert torch.equal(bundled.vectors["*"], beside.vectors["emb_params"])
    assert beside.metadata["modelspec.architecture"].endswith("/textual-inversion")
    assert beside.metadata[WORD_KEY] == "zib-7"
    assert any('there it is "lora-1", not "zib-7"' in sentence for sentence in said(training))
    with pytest.raises(UserError, match=r"lora-1-step000001\.safetensors already exists: change output\.name"):
        toy.prepare({**WORD, **own, "output.name": "lora-1"})
    apart = toy.train({**WORD, "lora.new_words": "beside"})
    assert read_bundled(saved(apart)["lora"]) == {}
    assert saved(apart)["embedding"] == apart.run.output / "toy_embeddings" / "toy.safetensors"


def test_it_continues_with_the_words_of_its_file(toy: Toy) -> None:
    first = toy.train(WORD)
    file = {"base.continue_from": str(saved(first)["lora"])}
    second = toy.prepare({**WORD, **file})
    assert words_in(trained(second)).keys() == {"embedding.vectors"}
    assert torch.equal(trained(second)["embedding.vectors"], trained(first)["embedding.vectors"])
    with pytest.raises(UserError, match=r"has 1 vector, but textual_inversion\.vectors is 2: set"):
        toy.prepare({**WORD, **file, "textual_inversion.vectors": 2})
    other = toy.prepare({**WORD, **file, "textual_inversion.word": "zab-2"})
    assert [sentence.partition(" the new word")[0].rpartition(" ")[2] for sentence in said(other)] == ["have", "has"]
    plain = toy.prepare({**file})
    assert any('has the new word "zib-7" in it, which is neither trained on nor kept' in each for each in said(plain))


def test_a_word_that_was_saved_beside_its_lora_goes_on_from_its_own_file(toy: Toy) -> None:
    first = toy.train({**WORD, "lora.new_words": "beside"})
    files = saved(first)
    file = {"base.continue_from": str(files["lora"]), "lora.new_words": "beside"}
    anew = toy.prepare({**WORD, **file})
    (told,) = [sentence for sentence in said(anew) if "starts anew" in sentence]
    way_out = "make it concepts.1.word instead of textual_inversion.word, and set concepts.1.continue_from to its file."
    assert told.endswith(way_out)
    assert not torch.equal(trained(anew)["embedding.vectors"], trained(first)["embedding.vectors"])
    moved = {**WORD, **file, "concepts.word": "zib-7", "concepts.continue_from": str(files["embedding"])}
    del moved["textual_inversion.word"]
    second = toy.prepare(moved)
    assert torch.allclose(trained(second)["embedding.vectors"], trained(first)["embedding.vectors"])
    assert not any("starts anew" in sentence for sentence in said(second))


def test_words_are_spared_by_weight_decay(toy: Toy) -> None:
    groups = toy.prepare({**WORD, "optimizer.weight_decay": 0.3}).optimizer.param_groups
    assert [(group["name"], group["weight_decay"]) for group in groups] == [("unet", 0.3), ("embedding", 0.0)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"concepts.instance_prompt": "a photo of a star"}, "lacks the new word: write"),
        ({"textual_inversion.word": "zib.7"}, r'word = "zib\.7" has a dot'),
        ({"lora.new_words": "none"}, r"has \[name\], but no new word is trained: .*or set lora\.new_words"),
    ],
)
def test_what_cannot_be(toy: Toy, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        toy.settings({**WORD, **changes})


def test_a_word_that_starts_from_nothing_is_told(toy: Toy) -> None:
    assert said(toy.prepare(WORD)) == []
    (sentence,) = said(toy.prepare({**WORD, "textual_inversion.initial_text": "*"}))
    assert sentence.startswith('textual_inversion.initial_text = "*" starts the word from nothing that is like it')


def test_a_concept_s_word_continues_from_an_embedding_or_from_the_lora(toy: Toy) -> None:
    own = {**WORD, "lora.new_words": "both", "concepts.word": "zab-2"}
    first = toy.train(own)
    for option, kind in (("concepts.continue_from", "embedding"), ("base.continue_from", "lora")):
        second = toy.prepare({**own, option: str(saved(first)[kind])})
        assert torch.equal(trained(second)["embedding.vectors"], trained(first)["embedding.vectors"])
    with pytest.raises(UserError, match=r"continue_from = .* is a LoRA .*: choose a textual inversion embedding"):
        toy.prepare({**own, "concepts.continue_from": str(saved(first)["lora"])})


def test_lokr_s_learning_rate_is_not_that_of_words(toy: Toy) -> None:
    rates = {"train.unet_learning_rate": "auto", "textual_inversion.learning_rate": "auto"}
    one, other = (toy.settings({**WORD, **rates, "lora.algorithm": name}) for name in ("lora", "lokr"))
    assert one.rates("embedding") == other.rates("embedding")
    assert one.rates("unet") != other.rates("unet")
