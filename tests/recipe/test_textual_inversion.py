"""A new word from its sentences to its class term: what the matrix does not ask of every method."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.embedding import read_embedding, write_embedding
from sd_finetune.runs.messages import Sample, Saved, Step, Warning_
from sd_finetune.sampling.generate import GenerationSettings, generate_images
from sd_finetune.training.loop import train
from sd_finetune.training.setup import Training
from tests.toy import Toy, after_step, events_of, gradients_of_first_step, make_images, trained, worst_error

WORD: dict[str, Any] = {
    "method": "textual_inversion",
    "textual_inversion.word": "zib-7",
    "textual_inversion.template": "instance_prompt",
    "concepts.instance_prompt": "a photo of [name] star",
}
ONE_STEP = {"train.length": "1 step", "train.max_grad_norm": 0, "train.batch_size": 2}
SCHEDULER = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear")


def losses_by_hand(training: Training) -> Tensor:
    """Of each example of the first step, the class's last."""
    (batch,) = training.batches.of_step(0)
    noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
    context = training.model.encode_prompts(["a photo of zib-7 star"] * len(noisy)).hidden_states
    predicted = training.model.unet(noisy, batch.timesteps, context).sample
    return ((predicted - batch.noise) ** 2).mean(dim=(1, 2, 3))


@pytest.mark.parametrize(("asked", "weight"), [("auto", 0.1), (0, 0.0), (2.0, 2.0)])
def test_class_images_are_shown_under_the_new_word(toy: Toy, asked: object, weight: float) -> None:
    training = toy.prepare({**WORD, **ONE_STEP, "prior.weight": asked})
    losses = losses_by_hand(training)
    assert len(losses) == (4 if weight else 2)
    instance, prior = losses[:2].mean(), losses[2:].mean() if weight else torch.zeros(())
    (vectors,) = training.method.trained_tensors().values()
    (whole,) = torch.autograd.grad(instance + weight * prior, [vectors], retain_graph=True)
    (alone,) = torch.autograd.grad(instance, [vectors])
    found = gradients_of_first_step(training)
    assert worst_error(found, {"embedding.vectors": whole}) < 1e-3
    assert (worst_error(found, {"embedding.vectors": alone}) > 1e-2) == bool(weight), "the term pulls at the word"
    (event,) = events_of(training.run, Step)
    assert event.loss == pytest.approx((instance + weight * prior).item(), rel=1e-5)


def test_what_the_model_knows_of_the_class_stays_to_the_bit(toy: Toy) -> None:
    rate = {"textual_inversion.learning_rate": 1.0, "train.length": "2 steps"}
    training = toy.prepare({**WORD, **rate, "prior.weight": "auto", "optimizer.weight_decay": 0.5})
    model, prompts = training.model, ["a photo of a star", "a photo of zib-7 star"]

    def shown() -> tuple[Tensor, list[np.ndarray]]:
        with torch.no_grad():
            states = model.encode_prompts(prompts).hidden_states
        return states, [
            np.asarray(image)
            for image in generate_images(model, prompts, [0, 1], GenerationSettings(72, 72, 2, 7.0, "euler"))
        ]

    table = model.text_encoder.text_model.embeddings.token_embedding.weight
    before, (states, images) = table.clone(), shown()
    train(training)
    states_after, images_after = shown()
    assert torch.equal(states_after[0], states[0])
    assert np.array_equal(images_after[0], images[0])
    assert not torch.allclose(states_after[1], states[1], atol=1e-2)
    assert not np.array_equal(images_after[1], images[1])
    assert torch.equal(table, before), "neither gradients nor weight decay touch the vocabulary"


def test_a_word_does_not_decay_unless_asked(toy: Toy) -> None:
    groups = toy.prepare(WORD).optimizer.param_groups
    assert [(group["name"], group["lr"], group["weight_decay"]) for group in groups] == [("embedding", 5e-3, 0.0)]


def test_prompts_without_the_word_are_computed_once(toy: Toy) -> None:
    training = toy.prepare(WORD)
    calls: list[int] = []
    training.model.text_encoder.register_forward_hook(
        lambda _, inputs, kwargs, out: calls.append(len(out[0])), with_kwargs=True
    )
    prompts = ["a star", "a photo of zib-7 star", "a star"]
    first = training.conditioning(prompts).hidden_states
    (vectors,) = training.method.trained_tensors().values()
    vectors.data *= -3  # a mere shift would not pass the text encoder's norms
    second = training.conditioning(prompts).hidden_states
    assert calls == [1, 1, 1], "the known prompt, then the learning one twice"
    assert torch.equal(first[0], second[0])
    assert torch.equal(second[0], second[2])
    torch.testing.assert_close(second[1:2], training.model.encode_prompts(prompts[1:2]).hidden_states)
    assert not torch.allclose(first[1], second[1], atol=1e-2)


def test_samples_show_the_word_as_it_is_by_then(toy: Toy) -> None:
    changes = {
        "samples.prompts": ["a zib-7", "a star"],
        "samples.every": "2 steps",
        "textual_inversion.learning_rate": 1.0,
    }
    training = toy.train({**WORD, **changes})
    images = {(e.step, e.prompt): (training.run.path / e.file).read_bytes() for e in events_of(training.run, Sample)}
    assert images[0, "a zib-7"] != images[2, "a zib-7"]
    assert images[0, "a star"] == images[2, "a star"]


@pytest.mark.parametrize(
    ("template", "prompts"),
    [
        ("instance_prompt", {"a photo of zib-7 star"}),
        ("own", {"the zib-7, red", "one zib-7, red", "the zib-7", "one zib-7"}),
    ],
)
def test_each_image_comes_under_all_sentences(toy: Toy, tmp_path: Path, template: str, prompts: set[str]) -> None:
    folder = make_images(tmp_path, 2)
    (folder / "0.txt").write_text("red")
    sentences = ["the [name], [filewords]", "one [name], [filewords]"]
    own = {"textual_inversion.template": template, "textual_inversion.own_templates": sentences}
    training = toy.prepare({**WORD, **own, "concepts.folder": str(folder), "prior.weight": 1.0})
    batches = [batch for step in range(24) for batch in training.batches.of_step(step)]
    assert {batch.prompts[0] for batch in batches} == prompts
    # Class images are generated, so they have no captions: they are shown in the training images' prompts.
    assert {batch.prompts[1] for batch in batches} == prompts


@pytest.mark.parametrize("template", ["subject", "style", "subject_filewords", "style_filewords"])
def test_our_sentences_have_the_word_and_the_caption(toy: Toy, template: str) -> None:
    training = toy.prepare({**WORD, "textual_inversion.template": template})
    (found,) = {(e.prompt, *e.variants) for e in training.instances.examples if e.image.stem == "0"}
    assert len(set(found)) >= 10
    assert all("zib-7" in prompt and "[" not in prompt for prompt in found)
    assert all(("style" in prompt) == template.startswith("style") for prompt in found)
    told = [e.message for e in events_of(training.run, Warning_)]
    assert any('instance_prompt = "a photo of [name] star" is not used' in message for message in told)


def test_the_webui_s_form_on_the_way_and_at_the_end(toy: Toy) -> None:
    training = toy.train(
        {**WORD, "textual_inversion.format": "pt", "output.save_every": "1 step", "output.name": "zib"}
    )
    paths = [Path(e.path) for e in events_of(training.run, Saved) if e.result == "embedding"]
    assert [path.name for path in paths] == ["zib-step000001.pt", "zib.pt"]
    contents = [torch.load(path, weights_only=True) for path in paths]
    assert [content["step"] for content in contents] == [1, 2]
    (vectors,) = trained(training).values()
    assert torch.equal(contents[1]["string_to_param"]["*"], vectors)
    (warning,) = events_of(training.run, Warning_)
    assert warning.message == (
        'The WebUI uses the file name of an embedding as the word: there it is "zib", not "zib-7".'
    )


def test_words_that_cannot_be_are_refused(toy: Toy) -> None:
    with pytest.raises(UserError, match='"Star" is in the vocabulary of the model'):
        toy.prepare({**WORD, "textual_inversion.word": "Star"})
    with pytest.raises(UserError, match='No prompt contains the new word "zib-7" or has room for its vectors'):
        toy.prepare({**WORD, "concepts.instance_prompt": "a photo of [filewords]"})


def test_on_goes_the_word_of_a_file(toy: Toy) -> None:
    changes = {**WORD, "textual_inversion.vectors": 2, "prior.weight": 1.0}
    first = toy.train(changes)
    (saved,) = events_of(first.run, Saved)
    second = toy.prepare({**changes, "base.continue_from": saved.path, "textual_inversion.initial_text": "star"})
    (vectors,) = trained(second).values()
    assert torch.equal(vectors, trained(first)["embedding.vectors"])
    with pytest.raises(UserError, match=r"has 2 vectors, but .* set textual_inversion.vectors = 2 to continue"):
        toy.prepare({**changes, "base.continue_from": saved.path, "textual_inversion.vectors": 3})
    with pytest.raises(UserError, match="is a Stable Diffusion 1 checkpoint: choose a textual inversion embedding"):
        toy.prepare({**changes, "base.continue_from": str(toy.checkpoint)})


CAPTIONS_ONLY = {**WORD, "concepts.instance_prompt": "[filewords]"}


def captioned(folder: Path, *captions: str) -> str:
    make_images(folder, len(captions))
    for number, caption in enumerate(captions):
        (folder / f"{number}.txt").write_text(caption)
    return str(folder)


def warnings_of(training: Training) -> list[str]:
    return [event.message for event in events_of(training.run, Warning_)]


def test_a_step_without_the_word_teaches_nothing_and_goes_on(toy: Toy, tmp_path: Path) -> None:
    folder = captioned(tmp_path / "images", "a zib-7", "a red thing")
    training = toy.prepare({**CAPTIONS_ONLY, "concepts.folder": folder, "train.length": "2 epochs"})
    assert any(
        '1 of 2 prompts, such as "a red thing", do not contain the new word' in said for said in warnings_of(training)
    )
    values = [trained(training)["embedding.vectors"]]
    for step in (1, 2, 3, 4):
        after_step(training, step, lambda: values.append(trained(training)["embedding.vectors"]))
    optimizer_steps = 0

    def count(*_: Any) -> None:
        nonlocal optimizer_steps
        optimizer_steps += 1

    training.optimizer.register_step_pre_hook(count)
    train(training)
    assert optimizer_steps == 2, "fp16's scaler refuses a step without gradients"
    moved = [not torch.equal(one, other) for one, other in pairwise(values)]
    assert moved == [next(training.batches.of_step(step)).prompts == ["a zib-7"] for step in range(4)]
    assert sorted(moved) == [False, False, True, True]


def test_class_images_without_the_word_are_told_of(toy: Toy, tmp_path: Path) -> None:
    """They keep nothing in its class; generated, they are shown in the prompts of training images, not all of which
    name it here."""
    folder = captioned(tmp_path / "images", "a zib-7", "a red thing")
    training = toy.prepare({**CAPTIONS_ONLY, "concepts.folder": folder, "prior.weight": 0.1})
    (said,) = [sentence for sentence in warnings_of(training) if "prompts of class images" in sentence]
    assert 'such as "a red thing", do not contain the new word "zib-7"' in said


def test_without_the_word_anywhere_no_class_image_is_drawn(toy: Toy, tmp_path: Path) -> None:
    folder, cache = captioned(tmp_path / "images", "a red thing"), tmp_path / "class-images"
    changes = {"concepts.folder": folder, "prior.weight": 1, "class_images.cache_folder": str(cache)}
    with pytest.raises(UserError, match=r"contains the new word .*: add it to the captions"):
        toy.prepare({**CAPTIONS_ONLY, **changes})
    assert not cache.exists()


def test_as_many_vectors_as_there_is_room_for(toy: Toy) -> None:
    """75 alone fill a prompt; the word's sentences leave room for less."""
    subject = {**WORD, "textual_inversion.template": "subject"}
    with pytest.raises(UserError, match=r"its 75 vectors do not fit, set textual_inversion\.vectors = 70 or less\."):
        toy.prepare({**subject, "textual_inversion.vectors": 75})
    some = warnings_of(toy.prepare({**subject, "textual_inversion.vectors": 72}))
    assert any("do not contain the new word" in said and "vectors = 70 or less" in said for said in some)
    fitting = warnings_of(toy.prepare({**subject, "textual_inversion.vectors": 70}))
    assert not any("do not contain the new word" in said for said in fitting)
    own = {"textual_inversion.template": "own", "textual_inversion.own_templates": ["[name]"]}
    alone = toy.train({**WORD, **own, "textual_inversion.vectors": 75})
    assert trained(alone)["embedding.vectors"].shape == (75, 32)


@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_steps_add_up_when_a_word_is_gone_on_with(toy: Toy, form: str) -> None:
    changes = {**WORD, "textual_inversion.format": form, "train.length": "2 steps"}
    (first,) = events_of(toy.train(changes).run, Saved)
    (second,) = events_of(toy.train({**changes, "base.continue_from": first.path}).run, Saved)
    assert (read_embedding(Path(first.path)).step, read_embedding(Path(second.path)).step) == (2, 4)


def test_more_vectors_than_a_prompt_has_room_for_are_not_gone_on_from(toy: Toy, tmp_path: Path) -> None:
    write_embedding(tmp_path / "long.safetensors", {"emb_params": torch.ones(76, 32)}, {})
    with pytest.raises(UserError, match="has 76 vectors, but a prompt has room for 75: continue from another"):
        toy.prepare({**WORD, "base.continue_from": str(tmp_path / "long.safetensors")})


def test_what_is_asked_for_and_not_used_is_told(toy: Toy) -> None:
    asked = {"textual_inversion.initial_text": "sks red star", "textual_inversion.own_templates": ["a [name]"]}
    said = warnings_of(toy.prepare({**WORD, **asked, "textual_inversion.vectors": 2}))
    assert any("3 tokens long, of which the first 2 are used: set textual_inversion.vectors = 3" in s for s in said)
    assert any('own_templates is not used, as textual_inversion.template is "' in s for s in said)
    own = {**WORD, **asked, "textual_inversion.vectors": 3, "textual_inversion.template": "own"}
    assert not any("initial_text" in said or "own_templates" in said for said in warnings_of(toy.prepare(own)))
