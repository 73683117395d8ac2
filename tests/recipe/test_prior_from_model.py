"""The prior whose target is what the untrained model predicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Phase, Step, Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.prior.bank_marks import MARKS
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step.batches import Batch
from sd_finetune.training.step.loss import loss_of
from sd_finetune.training.worker import work
from tests.toy import (
    ROWS,
    Toy,
    events_of,
    forget_accelerator,
    gradients_of_first_step,
    make_checkpoint,
    make_images,
    relative_error,
    train_and_command,
    trained,
    worst_error,
)

FROM_MODEL = {"prior.weight": 0.7, "prior.source": "model"}
ONE_STEP = {"train.length": "1 step", "train.max_grad_norm": 0, "train.batch_size": 2}
ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
BESIDE = {name: row for name, row in ROWS.items() if row["method"] in ("lora", "hypernetwork")}
BESIDE_ROW = pytest.mark.parametrize("row", BESIDE.values(), ids=BESIDE)
LORA_ROW = pytest.mark.parametrize("row", [ROWS["lora"], ROWS["lora+text"]], ids=["lora", "lora+text"])
SCHEDULER = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear")


def moved(training: Training) -> Training:
    """As if it had learnt for a while."""
    generator = torch.Generator().manual_seed(2)
    for value in training.method.trained_tensors().values():
        value.data += 0.05 * torch.randn(value.shape, generator=generator)
    return training


def base_predictions(checkpoint: Path, batch: Batch, prompt: str) -> Tensor:
    """What a fresh copy of the checkpoint answers for the class rows, with diffusers' scheduler and prompts by hand."""
    model = load_model(read_checkpoint(checkpoint))
    of_class = slice(len(batch.latents) - batch.class_rows, None)
    ids = model.tokenizer([prompt], padding="max_length", max_length=77, return_tensors="pt").input_ids
    context = model.text_encoder(ids)[0].expand(batch.class_rows, -1, -1)
    noisy = SCHEDULER.add_noise(batch.latents[of_class], batch.noise[of_class], batch.timesteps[of_class])
    with torch.no_grad():
        return model.unet(noisy, batch.timesteps[of_class], context).sample


def targets(training: Training, batch: Batch) -> Tensor:
    source = training.sources.prior
    assert source is not None
    return source(batch, source.prepare(batch))


@ROW
def test_the_target_is_the_base_s_prediction(toy: Toy, row: dict[str, Any]) -> None:
    """However far the trained values have moved, the text encoder's too."""
    training = moved(toy.prepare({**row, **FROM_MODEL, **ONE_STEP}))
    (batch,) = training.batches.of_step(0)
    expected = base_predictions(training.base.path, batch, "a photo of a star")
    assert expected.shape == (2, 4, 9, 9)
    assert relative_error(targets(training, batch), expected) < 1e-5
    context = training.conditioning(batch.prompts)
    part = loss_of(training.model, batch, context, training.settings, targets(training, batch))
    assert part.prior.item() > 1e-6, "what was learnt has drifted from it"


@LORA_ROW
def test_without_effect_the_class_term_has_no_gradient(toy: Toy, row: dict[str, Any]) -> None:
    training = toy.prepare({**row, **FROM_MODEL, **ONE_STEP})
    (both,) = training.batches.of_step(0)
    alone = training.batches.of_class(both.class_numbers)
    assert torch.equal(alone.latents, both.latents[-both.class_rows :]), "the same rows as beside the instances"
    context = training.conditioning(alone.prompts)
    part = loss_of(training.model, alone, context, training.settings, targets(training, alone))
    values = training.method.trained_tensors().values()
    gradients = torch.autograd.grad(part.prior, list(values), allow_unused=True)
    assert part.prior.item() == 0
    assert all(gradient is None or not gradient.any() for gradient in gradients)


@ROW
def test_the_class_term_counts_with_its_weight(toy: Toy, row: dict[str, Any]) -> None:
    """The first step's gradient, with targets of a fresh copy of the model. This is red if the term is dropped."""
    training = moved(toy.prepare({**row, **FROM_MODEL, **ONE_STEP}))
    (batch,) = training.batches.of_step(0)
    expected_targets = base_predictions(training.base.path, batch, "a photo of a star")
    model = training.model
    noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = model.unet(noisy, batch.timesteps, model.encode_prompts(batch.prompts).hidden_states).sample
    instance = (predicted[:2] - batch.noise[:2]).square().mean()
    prior = (predicted[2:] - expected_targets).square().mean()
    tensors = training.method.trained_tensors()
    gradients = torch.autograd.grad(instance + 0.7 * prior, list(tensors.values()), allow_unused=True)
    expected = {
        n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(tensors.items(), gradients, strict=True)
    }
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3
    (event,) = events_of(training.run, Step)
    assert event.prior_loss == pytest.approx(prior.item(), rel=1e-4)
    assert event.loss == pytest.approx((instance + 0.7 * prior).item(), rel=1e-4)


def test_it_is_in_the_model_s_own_terms_and_weighed_like_any(toy: Toy, tmp_path: Path) -> None:
    v = make_checkpoint(tmp_path / "v.safetensors", prediction_type="v_prediction")
    changes = {**FROM_MODEL, **ONE_STEP, "base.checkpoint": str(v), "train.snr_gamma": 0.5}
    training = moved(toy.prepare(changes))
    (batch,) = training.batches.of_step(0)
    answer = base_predictions(v, batch, "a photo of a star")
    assert relative_error(targets(training, batch), answer) < 1e-5
    context = training.conditioning(batch.prompts)
    part = loss_of(training.model, batch, context, training.settings, targets(training, batch))
    noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = training.model.unet(noisy, batch.timesteps, context.hidden_states).sample
    kept = SCHEDULER.alphas_cumprod[batch.timesteps]
    snr = kept / (1 - kept)
    weights = snr.clamp(max=0.5) / (snr + 1)  # arXiv 2303.09556, section 3.4, for v
    expected = ((predicted[2:] - answer).square().mean(dim=(1, 2, 3)) * weights[2:]).mean()
    assert part.prior.item() == pytest.approx(expected.item(), rel=1e-4)
    assert float(weights.min()) < 0.4, "this seed's timesteps must not all be beyond the reach of gamma"


def test_no_class_images_are_drawn(toy: Toy, tmp_path: Path) -> None:
    training = toy.prepare({**FROM_MODEL, "class_images.cache_folder": str(tmp_path / "cache")})
    assert not (tmp_path / "cache").exists()
    assert training.classes is not None
    assert {e.image for e in training.classes.examples} == {e.image for e in training.instances.examples}
    assert {e.prompt for e in training.classes.examples} == {"a photo of a star"}
    cached = [e.name for e in events_of(training.run, Phase) if e.name.startswith("encoding")]
    assert set(cached) == {"encoding training images"}, "the latents are there already"


def test_one_s_own_class_images_are_used(toy: Toy, tmp_path: Path) -> None:
    own = make_images(tmp_path / "own", 5, seed=4)
    changes = {**FROM_MODEL, "concepts.class_folder": str(own), "concepts.class_images": 3}
    training = toy.prepare(changes)
    assert training.classes is not None
    assert {e.image.parent for e in training.classes.examples} == {own}
    assert len(training.classes.examples) == 3
    (tmp_path / "none").mkdir()
    empty = toy.prepare({**changes, "concepts.class_folder": str(tmp_path / "none")})
    assert empty.classes is not None
    assert {e.image.parent for e in empty.classes.examples} == {toy.images}
    assert any("No class images in" in e.message for e in events_of(empty.run, Warning_))


def test_captions_may_be_in_the_class_prompt(toy: Toy, tmp_path: Path) -> None:
    images = make_images(tmp_path / "captioned", 2)
    for image in images.glob("*.png"):
        image.with_suffix(".txt").write_text(f"a star called {image.stem}")
    changes = {"concepts.folder": str(images), "concepts.class_prompt": "[filewords]", "prior.weight": 1.0}
    training = toy.prepare({**FROM_MODEL, **changes})
    assert training.classes is not None
    assert {e.prompt for e in training.classes.examples} == {"a star called 0", "a star called 1"}
    with pytest.raises(UserError, match="asks for captions"):
        toy.settings(changes)


@pytest.mark.parametrize("method", ["lora", "dreambooth"])
def test_class_images_are_drawn_and_held_to_what_the_model_predicts_on_them(toy: Toy, method: str) -> None:
    changes = {**ONE_STEP, "method": method, "prior.weight": 0.7, "prior.source": "both", "concepts.class_images": 2}
    training = moved(toy.prepare(changes))
    (batch,) = training.batches.of_step(0)
    assert training.classes is not None
    own = {example.image for example in training.instances.examples}
    assert not own & {example.image for example in training.classes.examples}
    expected = base_predictions(training.base.path, batch, "a photo of a star")
    assert relative_error(targets(training, batch), expected) < 1e-5
    plain = toy.prepare({**changes, "prior.source": "images"})
    (same,) = plain.batches.of_step(0)
    assert torch.equal(batch.latents, same.latents)
    assert plain.sources.prior is None


def test_captions_are_not_in_the_prompt_of_what_both_generates(toy: Toy) -> None:
    with pytest.raises(UserError, match="asks for captions"):
        toy.settings({"prior.source": "both", "concepts.class_prompt": "[filewords]", "prior.weight": 1.0})


def test_the_source_is_one_of_three(toy: Toy) -> None:
    with pytest.raises(UserError, match=r'prior.source = "thin air" .*images, model, both'):
        toy.settings({"prior.source": "thin air"})
    with pytest.raises(UserError, match=r"prior.bank_size = 0 .*1 or more"):
        toy.settings({"prior.bank_size": 0})
    with pytest.raises(UserError, match="class_prompt is missing"):
        toy.settings({**FROM_MODEL, "concepts.class_prompt": ""})


# the bank of DreamBooth

DREAMBOOTH = {"method": "dreambooth", "train.train_text_encoder": True, **FROM_MODEL}


def test_the_bank_holds_what_a_live_model_would_say(toy: Toy) -> None:
    """Over two epochs of three images, which are more than the bank has, so that it starts again."""
    changes = {**DREAMBOOTH, "train.batch_size": 2, "train.length": "4 steps", "prior.bank_size": 4}
    training = moved(toy.prepare(changes))
    live = toy.prepare({**changes, "method": "lora", "prior.bank_size": 1000})
    shown: list[int] = []
    for step in range(4):
        for batch in training.batches.of_step(step):
            found = targets(training, batch)
            assert relative_error(found, base_predictions(training.base.path, batch, "a photo of a star")) < 1e-5
            assert relative_error(found, targets(live, batch)) < 1e-5
            shown += batch.class_numbers
    assert shown == [0, 1, 2, 3, 0, 1]


def test_within_the_bank_nothing_differs_from_a_live_model_s_run(toy: Toy) -> None:
    rows = [
        [
            (b.latents, b.noise, b.timesteps, b.class_numbers)
            for step in range(3)
            for b in toy.prepare({**FROM_MODEL, "method": method}).batches.of_step(step)
        ]
        for method in ("lora", "dreambooth")
    ]
    for live, banked in zip(*rows, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(live[:3], banked[:3], strict=True))
        assert list(live[3]) == list(banked[3])


def test_its_size_is_told_before_it_is_made(toy: Toy) -> None:
    training = toy.prepare({**DREAMBOOTH, "train.length": "3 steps", "prior.bank_size": 2})
    (message,) = (e.message for e in events_of(training.run, Warning_) if "prior predictions" in e.message)
    assert "2 prior predictions are precomputed" in message
    assert "0.0 MB" in message
    assert np.load(training.run.prior_bank).shape == (2 * 4 * 9 * 9 + MARKS,)
    phases = [(e.done, e.total) for e in events_of(training.run, Phase) if e.name == "precomputing prior predictions"]
    assert phases == [(0, 2), (1, 2), (2, 2)]
    short = toy.prepare({**DREAMBOOTH, "train.length": "3 steps"})
    assert np.load(short.run.prior_bank).size == 3 * 4 * 9 * 9 + MARKS, "no more than the run will show"


@pytest.mark.parametrize(
    ("row", "kept"),
    [(ROWS["lora+text"], True), (ROWS["dreambooth+text"], True), (ROWS["dreambooth+text"], False)],
    ids=["live", "bank reused", "bank made anew"],
)
def test_stopped_and_resumed_is_the_same_run(toy: Toy, row: dict[str, Any], kept: bool) -> None:
    changes = {**row, **FROM_MODEL, "train.length": "4 steps", "prior.bank_size": 3}
    whole = toy.train(changes)
    first = toy.prepare(changes)
    outcome = train_and_command(first, 2, "stop")
    assert isinstance(outcome, Done)
    first.events.append(outcome)
    bank = first.run.prior_bank
    before = bank.read_bytes() if bank.exists() else b""
    assert bool(before) == (row["method"] == "dreambooth")
    if before and not kept:
        bank.unlink()
    second = prepare(first.run, resume=True)
    assert (bank.read_bytes() if before else b"") == before
    assert isinstance(train(second), Done)
    assert second.run.loss_csv.read_text() == whole.run.loss_csv.read_text()
    for name, value in trained(whole).items():
        assert torch.equal(value, trained(second)[name]), name


def test_with_batches_of_another_size_the_bank_is_made_anew(toy: Toy, tmp_path: Path) -> None:
    """Where images have several sizes, batches decide which of them come first."""
    images = make_images(tmp_path / "several", 3, (96, 64))
    for path in make_images(tmp_path / "upright", 3, (64, 96), seed=1).iterdir():
        path.rename(images / f"upright {path.name}")
    of_sizes = {"concepts.folder": str(images), "data.bucket_step": 16, "data.resolution": 96}
    run = toy.prepare({**DREAMBOOTH, **of_sizes, "prior.bank_size": 6, "train.length": "1 epoch"}).run
    bank = run.prior_bank.read_bytes()
    for name in ("batch_size", "devices"):
        settings = json.loads(run.settings.read_text(encoding="utf-8"))
        settings["train"] |= {"batch_size": 1, "devices": 1, name: 3}
        run.settings.write_text(json.dumps(settings), encoding="utf-8")
        run.prior_bank.write_bytes(bank)
        prepare(run, resume=False)
        anew = run.prior_bank.read_bytes()
        assert len(anew) == len(bank)
        assert anew != bank


def test_with_other_class_images_the_bank_is_made_anew(toy: Toy, tmp_path: Path) -> None:
    """A run of before concepts of one class prompt had images of their own, or whose images somebody has changed."""
    own = make_images(tmp_path / "own", 3, seed=4)
    run = toy.prepare({**DREAMBOOTH, "prior.source": "both", "concepts.class_folder": str(own)}).run
    bank = run.prior_bank.read_bytes()
    prepare(run, resume=False)
    assert run.prior_bank.read_bytes() == bank
    (own / "0.png").rename(own / "3.png")
    prepare(run, resume=False)
    anew = run.prior_bank.read_bytes()
    assert len(anew) == len(bank)
    assert anew != bank


OTHERWISE: dict[str, dict[str, Any]] = {
    "seed": {"train.seed": 1},
    "noise offset": {"train.noise_offset": 0.1},
    "noise": {"noise.multires_iterations": 2},
    "timesteps": {"timesteps.largest": 500},
    "class prompt": {"concepts.class_prompt": "a drawing of a star"},
    "crop": {"data.crop": "random", "data.cache_latents": "off"},
    "flip": {"data.horizontal_flip": True},
    "emphasis": {"captions.emphasis": "original"},
    "precision": {"train.mixed_precision": "bf16"},
    "VAE": {"base.vae": "other"},
}
ALIKE: dict[str, dict[str, Any]] = {
    "the same": {},
    "what is kept of images": {"data.cache_latents": "disk"},
    "what trains": {"train.unet_learning_rate": 1e-4, "concepts.instance_prompt": "a photo of sks"},
}


def predicted_again(run: RunFolder, changes: dict[str, Any]) -> bool:
    """Whether a run with a bank makes it anew after these changes of its settings."""
    settings = json.loads(run.settings.read_text(encoding="utf-8"))
    for name, value in changes.items():
        group, _, option = name.partition(".")
        (settings[group][0] if group == "concepts" else settings[group])[option] = value
    run.settings.write_text(json.dumps(settings), encoding="utf-8")
    before = run.prior_bank.read_bytes()
    forget_accelerator()
    prepare(run, resume=False)
    begun = [e for e in events_of(run, Phase) if e.name == "precomputing prior predictions" and not e.done]
    assert (run.prior_bank.read_bytes() != before) == (len(begun) == 2)
    return len(begun) == 2


@pytest.mark.parametrize("name", [*OTHERWISE, *ALIKE])
def test_a_bank_of_other_settings_is_made_anew(toy: Toy, tmp_path: Path, name: str) -> None:
    changes = {**OTHERWISE, **ALIKE}[name]
    if "base.vae" in changes:
        changes = {"base.vae": str(make_checkpoint(tmp_path / "other.safetensors", seed=1))}
    run = toy.prepare({"method": "dreambooth", **FROM_MODEL, "train.length": "3 steps"}).run
    assert predicted_again(run, changes) == (name in OTHERWISE)


def test_a_bank_of_other_images_is_made_anew(toy: Toy, tmp_path: Path) -> None:
    """Also of as many as before."""
    images = make_images(tmp_path / "images", 3)
    folder = {"concepts.folder": str(images)}
    run = toy.prepare({"method": "dreambooth", **FROM_MODEL, **folder, "train.length": "3 steps"}).run
    (images / "0.png").rename(images / "3.png")
    assert predicted_again(run, {}), "they come in another order"
    run = toy.prepare({"method": "dreambooth", **FROM_MODEL, **folder, "train.length": "3 steps"}).run
    (make_images(tmp_path / "others", 1, seed=9) / "0.png").replace(images / "1.png")
    assert predicted_again(run, {})
    moved_images = images.rename(tmp_path / "moved")
    run = toy.prepare({"method": "dreambooth", **FROM_MODEL, "concepts.folder": str(moved_images)}).run
    moved_images.rename(images)
    assert not predicted_again(run, folder), "the same images in another place"


def test_a_finished_run_leaves_no_bank(toy: Toy) -> None:
    run = toy.run({**DREAMBOOTH, "train.length": "1 step"})
    assert work(run.path, resume=False) == 0
    assert any("prior predictions" in e.message for e in events_of(run, Warning_))
    assert not run.prior_bank.exists()


def test_a_stopped_one_keeps_it(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run({**DREAMBOOTH, "train.length": "3 steps"})
    monkeypatch.setattr("sd_finetune.training.worker.train", lambda training: Done(step=1, outcome="stopped"))
    assert work(run.path, resume=False) == 0
    assert run.prior_bank.exists()


def test_dreambooth_has_no_untrained_model_beside_it(toy: Toy) -> None:
    with pytest.raises(RuntimeError, match="no untrained model beside it"):
        toy.prepare({"method": "dreambooth"}).method.untrained()


@BESIDE_ROW
def test_untrained_for_a_while(toy: Toy, row: dict[str, Any]) -> None:
    training = moved(toy.prepare({**row, **FROM_MODEL, **ONE_STEP}))
    (batch,) = training.batches.of_step(0)
    classes = replace(batch, class_rows=len(batch.latents))
    base = base_predictions(training.base.path, classes, "a photo of a star")

    def answer() -> Tensor:
        prompts = ["a photo of a star"] * len(batch.latents)
        ids = training.model.tokenizer(prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
        noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
        with torch.no_grad():
            return training.model.unet(noisy, batch.timesteps, training.model.text_encoder(ids)[0]).sample

    taught = answer()
    with training.method.untrained():
        assert relative_error(answer(), base) < 1e-6
    assert torch.equal(answer(), taught)
    assert relative_error(taught, base) > 0.01
