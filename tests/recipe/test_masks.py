"""Masked loss: what is learned is inside of masks, and what is outside may be held to the untrained model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from PIL import Image
from torch import Tensor

from sd_finetune.data.images import fit_image, open_image
from sd_finetune.data.latents import View
from sd_finetune.errors import UserError
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.messages import Phase, Step, Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.prior.bank_marks import MARKS
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step.batches import Batch
from sd_finetune.training.step.loss import loss_of
from sd_finetune.training.worker import work
from tests.recorder import Replaying
from tests.toy import (
    ROWS,
    Toy,
    events_of,
    gradients_of_first_step,
    make_images,
    relative_error,
    train_and_command,
    trained,
    worst_error,
)

MASKED = {"masks.source": "files", "concepts.folder": "{masked}"}
HELD = {"masks.prior_weight": 0.7}
ONE_STEP = {"train.length": "1 step", "train.max_grad_norm": 0, "train.batch_size": 2}
ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
SCHEDULER = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear")
SIDE = 9
"""Latents of the toy's images of 72 pixels."""


@pytest.fixture
def masked(toy: Toy, tmp_path: Path) -> Path:
    """Three images with masks, white on the left of the first and at the top of the others."""
    folder = make_images(tmp_path / "masked", 3, size=72)
    for number, box in enumerate([(0, 0, 36, 72), (0, 0, 72, 24), (0, 0, 72, 30)]):
        mask = Image.new("L", (72, 72))
        mask.paste(255, box)
        mask.save(folder / f"{number}.mask.png")
    return folder


def within(masked: Path, *changes: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in (MASKED, *changes):
        merged |= each
    return {name: str(masked) if value == "{masked}" else value for name, value in merged.items()}


def moved(training: Training) -> Training:
    """As if it had learnt for a while."""
    generator = torch.Generator().manual_seed(2)
    for value in training.method.trained_tensors().values():
        value.data += 0.05 * torch.randn(value.shape, generator=generator)
    return training


def untrained_answer(training: Training, batch: Batch, prompt: str = "a photo of sks star") -> Tensor:
    """A fresh copy of the checkpoint's for the training images, with diffusers' scheduler and prompts by hand."""
    model, own = load_model(read_checkpoint(training.base.path)), slice(batch.instance_rows)
    ids = model.tokenizer([prompt], padding="max_length", max_length=77, return_tensors="pt").input_ids
    context = model.text_encoder(ids)[0].expand(batch.instance_rows, -1, -1)
    noisy = SCHEDULER.add_noise(batch.latents[own], batch.noise[own], batch.timesteps[own])
    with torch.no_grad():
        return model.unet(noisy, batch.timesteps[own], context).sample


def held_targets(training: Training, batch: Batch) -> Tensor:
    source = training.sources.outside
    assert source is not None
    return source(batch, source.prepare(batch))


# --- masks in batches


def test_each_image_has_its_own_mask(toy: Toy, masked: Path) -> None:
    training = toy.prepare(within(masked, {"train.batch_size": 3}))
    (batch,) = training.batches.of_step(0)
    assert batch.masks is not None
    assert batch.masks.shape == (3, 1, SIDE, SIDE)
    areas = sorted(batch.masks.mean(dim=(1, 2, 3)).tolist())
    assert areas == pytest.approx([24 / 72, 30 / 72, 36 / 72], abs=2e-3)
    assert {example.image.name for example in training.instances.examples} == {"0.png", "1.png", "2.png"}


def test_a_mask_is_mirrored_with_its_image(toy: Toy, masked: Path) -> None:
    """The latents tell whether it was: an image whose left half is white is black there when it is mirrored."""
    for number in range(3):
        (masked / f"{number}.png").write_bytes((masked / "0.mask.png").read_bytes())
        (masked / f"{number}.mask.png").write_bytes((masked / "0.mask.png").read_bytes())
    training = toy.prepare(within(masked, {"data.horizontal_flip": True, "train.batch_size": 3}))
    plain = next(toy.prepare(within(masked, {"train.batch_size": 3})).batches.of_step(0)).latents[0]
    shown: set[bool] = set()
    for step in range(4):
        for batch in training.batches.of_step(step):
            assert batch.masks is not None
            for latents, mask in zip(batch.latents, batch.masks, strict=True):
                flipped = not torch.allclose(latents, plain, atol=1e-3)
                assert float(mask[0, :, 0].mean()) == float(not flipped)
                shown.add(flipped)
    assert shown == {True, False}


GEOMETRIES: dict[str, dict[str, Any]] = {
    "square": {"data.buckets": False},
    "buckets": {"data.bucket_step": 16},
    "random crop": {"data.buckets": False, "data.crop": "random", "data.cache_latents": "off"},
    "several resolutions": {"data.bucket_step": 16, "data.extra_resolutions": "64, 96"},
}


def gray_of(view: View) -> Tensor:
    """In the place of an encoder, whose latents tell what it saw of the image: the gray of each square of pixels."""
    pixels = Image.fromarray(fit_image(open_image(view.image), view.crop)).convert("L").reduce(8)
    gray = torch.tensor(np.array(pixels)) / 255
    mean = (gray.flip(-1) if view.flipped else gray).expand(4, -1, -1)
    return torch.stack([mean, torch.zeros_like(mean)])


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_mask_shows_what_its_image_shows(toy: Toy, tmp_path: Path, geometry: str) -> None:
    """Cropped, scaled, mirrored: images of white, gray and black, which are masks of themselves at half their size."""
    for number, size in enumerate([(200, 120), (90, 200)]):
        Image.linear_gradient("L").rotate(90 * (1 - number)).resize(size).save(tmp_path / f"{number}.png")
        Image.open(tmp_path / f"{number}.png").resize((size[0] // 2, size[1] // 2)).save(
            tmp_path / f"{number}.mask.png"
        )
    asked = {"concepts.folder": str(tmp_path), "data.horizontal_flip": True, **GEOMETRIES[geometry]}
    instances = replace(toy.prepare(within(tmp_path, asked)).instances, moments=gray_of, scale_factor=1.0)
    shapes: set[tuple[int, ...]] = set()
    views: set[str] = set()
    for number in range(8 * len(instances.examples)):
        latents, mask, _ = instances.draw(number % len(instances.examples), torch.Generator().manual_seed(number))
        assert torch.allclose(latents[:1], mask, atol=0.06)
        shapes.add(tuple(mask.shape))
        views.add(str([round(value, 1) for value in mask.flatten().tolist()]))
    expected = {"square": (1, 4), "buckets": (2, 4), "random crop": (1, 16), "several resolutions": (6, 12)}[geometry]
    assert len(shapes) == expected[0]
    assert len(views) >= expected[1] // 2


def test_class_images_are_learned_as_a_whole(toy: Toy, masked: Path) -> None:
    training = toy.prepare(within(masked, ONE_STEP, {"prior.weight": 1.0, "concepts.class_images": 2}))
    (batch,) = training.batches.of_step(0)
    assert batch.masks is not None
    assert (batch.masks[batch.instance_rows :] == 1).all()
    assert float(batch.masks[: batch.instance_rows].mean()) < 0.6


def test_without_masks_there_is_nothing_to_multiply(toy: Toy) -> None:
    assert next(toy.prepare().batches.of_step(0)).masks is None


# --- the loss


@ROW
@pytest.mark.parametrize("normalize", [True, False], ids=["normalized", "plain"])
def test_the_first_step_by_hand(toy: Toy, masked: Path, row: dict[str, Any], normalize: bool) -> None:
    """The gradient of the masked loss, with class images and the prior outside. This is red if any of it is dropped."""
    own = {"masks.normalize": normalize, "masks.outside_weight": 0.1, "prior.weight": 0.5, "concepts.class_images": 2}
    training = moved(toy.prepare(within(masked, row, ONE_STEP, HELD, own)))
    (batch,) = training.batches.of_step(0)
    held = untrained_answer(training, batch)
    assert relative_error(held_targets(training, batch), held) < 1e-5, "however far the trained values have moved"
    model, mask = training.model, batch.masks
    assert mask is not None
    noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = model.unet(noisy, batch.timesteps, model.encode_prompts(batch.prompts).hidden_states).sample
    parts: list[Tensor] = []
    for row_number in range(2):
        weights = mask[row_number] + 0.1 * (1 - mask[row_number])
        learned = (weights * (predicted[row_number] - batch.noise[row_number]) ** 2).mean()
        kept = ((1 - mask[row_number]) * (predicted[row_number] - held[row_number]) ** 2).mean()
        if normalize:
            learned, kept = learned / weights.mean(), kept / (1 - mask[row_number]).mean()
        parts.append(learned + 0.7 * kept)
    instance, prior = torch.stack(parts).mean(), (predicted[2:] - batch.noise[2:]).square().mean()
    tensors = training.method.trained_tensors()
    gradients = torch.autograd.grad(instance + 0.5 * prior, list(tensors.values()), allow_unused=True)
    expected = {
        n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(tensors.items(), gradients, strict=True)
    }
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3
    (event,) = events_of(training.run, Step)
    assert event.instance_loss == pytest.approx(instance.item(), rel=1e-4)
    assert event.prior_loss == pytest.approx(prior.item(), rel=1e-4)


def test_what_is_outside_is_not_learned(toy: Toy, masked: Path) -> None:
    """Whatever the target is there, with and without division by the area; inside it counts."""
    training = moved(toy.prepare(within(masked, ONE_STEP)))
    (batch,) = training.batches.of_step(0)
    assert batch.masks is not None
    conditioning = training.conditioning(batch.prompts)

    def loss(noise: Tensor) -> float:
        """With this noise as the target, for the same noisy latents."""
        shift = (1 - training.model.alphas_cumprod[batch.timesteps])[:, None, None, None].sqrt() * (batch.noise - noise)
        keep = training.model.alphas_cumprod[batch.timesteps][:, None, None, None].sqrt()
        other = replace(batch, noise=noise, latents=batch.latents + shift / keep)
        return loss_of(training.model, other, conditioning, training.settings).total.item()

    before, change = loss(batch.noise), 0.3 * torch.randn(batch.noise.shape, generator=torch.Generator().manual_seed(1))
    assert loss(batch.noise + change * (batch.masks == 0)) == pytest.approx(before, rel=1e-3)
    assert loss(batch.noise + change * (batch.masks > 0)) != pytest.approx(before, rel=1e-2)


# --- the prior outside


def test_without_effect_the_prior_outside_has_no_gradient(toy: Toy, masked: Path) -> None:
    """At the first step a LoRA answers as the untrained model does."""
    losses: list[float] = []
    for weight in (0.0, 50.0):
        training = toy.train(within(masked, ONE_STEP, {"masks.prior_weight": weight}))
        losses += [event.loss for event in events_of(training.run, Step)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


DREAMBOOTH = {"method": "dreambooth", "train.train_text_encoder": True, **HELD}


def test_the_bank_holds_what_a_live_model_would_say(toy: Toy, masked: Path) -> None:
    """For each image in turn, over more epochs than the bank has draws for; with flips and captions by chance."""
    (masked / "0.txt").write_text("a, b, c, d, e")
    by_chance = {
        "data.horizontal_flip": True,
        "concepts.instance_prompt": "sks star [filewords]",
        "captions.shuffle": True,
    }
    changes = {"train.batch_size": 2, "train.length": "8 steps", "masks.bank_size": 7, **by_chance}
    training = moved(toy.prepare(within(masked, DREAMBOOTH, changes)))
    assert np.load(training.run.outside_bank).size == 2 * 3 * 4 * SIDE * SIDE + MARKS, (
        "two draws for each of three images"
    )
    shown: list[int] = []
    prompts: dict[int, str] = {}
    for step in range(8):
        for batch in training.batches.of_step(step):
            (prompt, *_) = batch.prompts
            expected = untrained_answer(training, replace(batch, class_rows=len(batch.latents) - 1), prompt)
            assert relative_error(held_targets(training, batch)[:1], expected) < 1e-5
            assert prompts.setdefault(batch.instance_numbers[0], prompt) == prompt
            shown += batch.instance_numbers
    assert [sorted(shown[start : start + 3]) for start in range(0, 12, 3)] == [[0, 1, 2], [3, 4, 5]] * 2


def test_the_bank_holds_images_of_all_sizes(toy: Toy, masked: Path) -> None:
    make_images(masked / "wide", 1, size=144, seed=7)
    Image.open(masked / "wide/0.png").resize((160, 72)).save(masked / "wide/0.png")
    buckets = {"data.bucket_step": 16, "train.batch_size": 2, "train.length": "4 steps"}
    training = moved(toy.prepare(within(masked, DREAMBOOTH, buckets)))
    shapes: set[tuple[int, ...]] = set()
    for step in range(4):
        for batch in training.batches.of_step(step):
            assert relative_error(held_targets(training, batch), untrained_answer(training, batch)) < 1e-5
            shapes.add(tuple(batch.latents.shape[2:]))
    assert len(shapes) == 2


def test_the_bank_is_of_the_prompts_that_images_are_shown_with(toy: Toy, masked: Path) -> None:
    captioned = {"concepts.instance_prompt": "sks star [filewords]", "captions.shuffle": True}
    (masked / "0.txt").write_text("a, b, c")
    run = toy.prepare(within(masked, DREAMBOOTH, captioned, {"train.length": "2 steps"})).run

    def is_as_it_was() -> bool:
        before = run.outside_bank.read_bytes()
        prepare(run, resume=False)
        return run.outside_bank.read_bytes() == before

    assert is_as_it_was()
    (masked / "0.txt").write_text("a, b, d")
    assert not is_as_it_was()
    masked.joinpath("1.png").rename(masked / "9.png")
    masked.joinpath("1.mask.png").rename(masked / "9.mask.png")
    masked.joinpath("2.png").rename(masked / "1.png")
    masked.joinpath("2.mask.png").rename(masked / "1.mask.png")
    assert not is_as_it_was()
    Image.new("L", (72, 72), 255).save(masked / "0.mask.png")
    assert is_as_it_was(), "masks are no part of what is predicted"


def test_the_bank_is_told_and_removed_at_the_end(toy: Toy, masked: Path) -> None:
    run = toy.run(within(masked, DREAMBOOTH, {"train.length": "2 steps", "masks.bank_size": 1000}))
    assert work(run.path, resume=False) == 0
    (message,) = (e.message for e in events_of(run, Warning_) if "outside of masks" in e.message)
    assert message.startswith("3 prior predictions outside of masks are precomputed before training; they take")
    phases = [(e.done, e.total) for e in events_of(run, Phase) if e.name == "precomputing prior predictions"]
    assert (phases[0], phases[-1]) == ((0, 3), (3, 3)), "no more than the run will show"
    assert not run.outside_bank.exists()


@pytest.mark.parametrize("method", ["lora", "dreambooth"])
def test_stopped_and_resumed_is_the_same_run(toy: Toy, masked: Path, method: str) -> None:
    changes = within(masked, HELD, {"method": method, "train.length": "5 steps", "masks.bank_size": 3})
    whole = toy.train(changes)
    first = toy.prepare(changes)
    first.events.append(train_and_command(first, 2, "stop"))
    second = prepare(first.run, resume=True)
    train(second)
    assert second.run.loss_csv.read_text() == whole.run.loss_csv.read_text()
    for name, value in trained(whole).items():
        assert torch.equal(value, trained(second)[name]), name


@pytest.mark.parametrize("method", ["lora", "dreambooth"])
def test_captured_steps_have_the_masks_of_their_batch(
    toy: Toy, masked: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that kept its first masks, or its first predictions outside of them, would learn something else."""
    changes = within(masked, HELD, {"method": method, "train.length": "5 steps"})
    plain = toy.train(changes)
    recorder = Replaying()
    monkeypatch.setattr("sd_finetune.training.state.recorder_for", lambda *_: recorder)
    captured = toy.train(changes)
    assert recorder.recorded == 1
    for name, value in trained(plain).items():
        assert torch.equal(value, trained(captured)[name]), name


# --- what is told


def test_what_is_wrong_with_masks_is_told_before_anything_is_encoded(toy: Toy, masked: Path) -> None:
    (masked / "2.mask.png").unlink()
    told = [e.message for e in events_of(toy.prepare(within(masked)).run, Warning_)]
    assert told == ["Concept 1: 1 of 3 images, such as 2.png, has no mask: the whole of it is learned."]
    (masked / "1.mask.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"Concept 1: .*1.mask.png cannot be read as an image \(the file is empty\)"):
        toy.prepare(within(masked))
