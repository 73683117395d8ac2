"""The gradients and the movement of a first step, computed a second time by hand and with diffusers' scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from PIL import Image, ImageOps
from torch import Tensor

from sd_finetune.runs.messages import Step
from sd_finetune.training.loop import train
from sd_finetune.training.prior.targets import MARKS
from sd_finetune.training.setup import Training
from tests.toy import ROWS, Toy, events_of, gradients_of_first_step, trained, worst_error

ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
TEXT_ROW = pytest.mark.parametrize("row", [ROWS["lora+text"], ROWS["dreambooth+text"]], ids=["lora", "dreambooth"])
ONE_STEP = {"train.length": "1 step", "train.max_grad_norm": 0, "train.batch_size": 2}
SCHEDULER = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear")


def errors_by_hand(training: Training) -> Tensor:
    """What the predictions of the first step's examples are beside, those of the class last."""
    (batch,) = training.batches.of_step(0)
    model = training.model
    ids = model.tokenizer(batch.prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
    context = model.text_encoder(ids)[0]
    noisy = SCHEDULER.add_noise(batch.latents, batch.noise, batch.timesteps)
    predicted = model.unet(noisy, batch.timesteps, context).sample
    return predicted - batch.noise


def losses_by_hand(training: Training) -> tuple[Tensor, Tensor]:
    """The loss of each of the first step's examples, those of the class last, and the SNR of each."""
    (batch,) = training.batches.of_step(0)
    errors = torch.stack([(error**2).mean() for error in errors_by_hand(training)])
    kept = SCHEDULER.alphas_cumprod[batch.timesteps]
    return errors, kept / (1 - kept)


def gradients_by_hand(training: Training, total: Tensor) -> dict[str, Tensor]:
    tensors = training.method.trained_tensors()
    found = torch.autograd.grad(total, list(tensors.values()), allow_unused=True)
    return {n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(tensors.items(), found, strict=True)}


def started(toy: Toy, changes: dict[str, Any]) -> Training:
    """A run that is ready; a LoRA's `up` is moved from zero, where `down` would have no gradient."""
    training = toy.prepare({**ONE_STEP, **changes})
    generator = torch.Generator().manual_seed(2)
    for name, value in training.method.trained_tensors().items():
        if name.endswith(".up"):
            value.data += 0.1 * torch.randn(value.shape, generator=generator)
    return training


@TEXT_ROW
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.0])
def test_the_prior_counts_with_its_weight(toy: Toy, row: dict[str, Any], weight: float) -> None:
    training = started(toy, {**row, "prior.weight": weight})
    errors, _ = losses_by_hand(training)
    instance, prior = errors[:2].mean(), errors[2:].mean() if weight else torch.zeros(())
    assert len(errors) == (4 if weight else 2)
    expected = gradients_by_hand(training, instance + weight * prior)
    found = gradients_of_first_step(training)
    assert worst_error(found, expected) < 1e-3
    (event,) = events_of(training.run, Step)
    instance, prior = instance.item(), prior.item()
    assert event.loss == pytest.approx(instance + weight * prior, rel=1e-5)
    assert event.instance_loss == pytest.approx(instance, rel=1e-5)
    assert event.prior_loss == (pytest.approx(prior, rel=1e-5) if weight else None)


def test_another_prior_weight_teaches_other_weights(toy: Toy) -> None:
    ends = []
    for weight in (0.0, 1.0, 2.0):
        training = started(toy, {"method": "dreambooth", "prior.weight": weight, "optimizer.eps": 1.0})
        gradients_of_first_step(training)
        ends.append(trained(training))
    start = trained(started(toy, {"method": "dreambooth"}))
    moves = [{name: end[name] - start[name] for name in start} for end in ends]
    assert worst_error(moves[1], moves[0]) > 0.1
    assert worst_error(moves[2], moves[1]) > 0.1


@pytest.mark.parametrize("gamma", [0.0, 0.5, 5.0])
def test_min_snr_weighs_every_sample(toy: Toy, gamma: float) -> None:
    training = started(toy, {"prior.weight": 1.0, "train.snr_gamma": gamma, "train.batch_size": 3})
    errors, snr = losses_by_hand(training)
    weights = torch.tensor([min(float(ratio), gamma) / float(ratio) for ratio in snr]) if gamma else torch.ones(6)
    if gamma:
        assert 0 < float(weights.min()) < 0.9, "this seed's timesteps must not all be beyond the reach of gamma"
    expected = gradients_by_hand(training, (errors * weights)[:3].mean() + (errors * weights)[3:].mean())
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3


@pytest.mark.parametrize("kind", ["huber", "smooth_l1"])
def test_huber_counts_errors_of_training_and_class_images_by_their_timesteps(toy: Toy, kind: str) -> None:
    """2 d (sqrt(e^2 + d^2) - d), and with smooth L1 that divided by d."""
    changes = {"loss.type": kind, "loss.huber_delta": 0.2, "loss.delta_schedule": "exponential"}
    training = started(toy, {"prior.weight": 1.0, "train.batch_size": 3, **changes})
    (batch,) = training.batches.of_step(0)
    errors = errors_by_hand(training)
    deltas = (0.2 ** (batch.timesteps / 1000))[:, None, None, None]
    costs = 2 * ((errors**2 + deltas**2).sqrt() - deltas) * (deltas if kind == "huber" else 1)
    losses = costs.mean(dim=(1, 2, 3))
    expected = gradients_by_hand(training, losses[:3].mean() + losses[3:].mean())
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3


def decays(row: dict[str, Any], name: str, value: Tensor) -> bool:
    """Matrices do; embeddings do where nothing else is trained, as a decay of them was asked for then."""
    if name.endswith(".vectors"):
        return row["method"] == "textual_inversion"
    return value.ndim > 1 and not name.endswith("_embedding.weight")


@ROW
def test_each_part_moves_at_its_own_rate(toy: Toy, row: dict[str, Any]) -> None:
    """AdamW's first step: w (1 - lr decay) - lr g / (|g| + eps), arXiv 1711.05101, algorithm 2."""
    rates = {"unet": 1e-2, "text_encoder": 3e-3, "embedding": 2e-2}
    training = started(
        toy,
        {
            **row,
            "train.unet_learning_rate": rates["unet"],
            "train.text_encoder_learning_rate": rates["text_encoder"],
            "textual_inversion.learning_rate": rates["embedding"],
            "optimizer.eps": 1e-3,
            "optimizer.weight_decay": 0.5,
        },
    )
    start = trained(training)
    gradients = gradients_of_first_step(training)
    for name, end in trained(training).items():
        rate, g = rates[name.split(".")[0]], gradients[name]
        decay = 0.5 if decays(row, name, end) else 0
        expected = start[name] * (1 - rate * decay) - rate * g / (g.abs() + 1e-3)
        torch.testing.assert_close(end, expected, rtol=1e-5, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


def test_noise_offset_shifts_whole_channels(toy: Toy) -> None:
    plain, shifted = (
        next(toy.prepare({**ONE_STEP, "prior.weight": 1.0, "train.noise_offset": strength}).batches.of_step(0))
        for strength in (0.0, 0.3)
    )
    shift = shifted.noise - plain.noise
    assert torch.allclose(shift, shift.mean(dim=(2, 3), keepdim=True), atol=1e-6)
    sizes = shift.mean(dim=(2, 3)).flatten()
    assert len(set(sizes.tolist())) == 16, "each of four images and four channels has a shift of its own"
    assert 0.1 < float(sizes.std()) < 0.6
    assert torch.equal(plain.latents, shifted.latents)


def test_multires_noise_is_each_example_s_own_with_a_variance_of_1(toy: Toy) -> None:
    asked = {**ONE_STEP, "prior.weight": 1.0, "noise.multires_iterations": 6, "noise.multires_discount": 0.8}
    (plain,) = toy.prepare({**ONE_STEP, "prior.weight": 1.0}).batches.of_step(0)
    (coarse,) = toy.prepare(asked).batches.of_step(0)
    assert torch.allclose(coarse.noise.std(dim=(1, 2, 3)), torch.ones(4))
    assert torch.equal(coarse.noise, coarse.shown_noise)
    assert len({row.sum().item() for row in coarse.noise}) == 4
    neighbors = [((of.noise[..., 1:] - of.noise[..., :-1]) ** 2).mean().item() for of in (plain, coarse)]
    assert neighbors[1] < 0.8 * neighbors[0], "neighbors are more alike"
    alone = [row for step in (0, 1) for row in _instances(toy, {**asked, "train.batch_size": 1}, step)]
    assert torch.equal(torch.stack(alone), coarse.noise[:2])


def _instances(toy: Toy, changes: dict[str, Any], step: int) -> Tensor:
    (batch,) = toy.prepare(changes).batches.of_step(step)
    return batch.noise[: batch.instance_rows]


@pytest.mark.parametrize("source", ["images", "model"])
def test_a_perturbed_input_has_the_target_without(toy: Toy, source: str) -> None:
    """Of class examples and of what the untrained model says to them too, which sees the same noisy latents."""
    changes = {"prior.weight": 1.0, "prior.source": source, "noise.input_perturbation": 0.3}
    training = started(toy, changes)
    (batch,) = training.batches.of_step(0)
    assert 0.2 < (batch.shown_noise - batch.noise).std() < 0.4
    model = training.model
    context = model.encode_prompts(batch.prompts).hidden_states
    noisy = SCHEDULER.add_noise(batch.latents, batch.shown_noise, batch.timesteps)
    predicted = model.unet(noisy, batch.timesteps, context).sample
    target = batch.noise.clone()
    if source == "model":
        with torch.no_grad(), training.method.untrained():
            target[2:] = model.unet(noisy, batch.timesteps, context).sample[2:]
    losses = (predicted - target).square().mean(dim=(1, 2, 3))
    expected = gradients_by_hand(training, losses[:2].mean() + losses[2:].mean())
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3


def test_the_bank_is_computed_with_the_perturbed_input(toy: Toy) -> None:
    changes = {"prior.weight": 1.0, "prior.source": "model", "noise.input_perturbation": 0.3, **ONE_STEP}
    training = toy.prepare({**changes, "method": "dreambooth", "prior.bank_size": 2})
    (batch,) = training.batches.of_step(0)
    noisy = SCHEDULER.add_noise(batch.latents, batch.shown_noise, batch.timesteps)[2:]
    with torch.no_grad():
        context = training.model.encode_prompts(batch.prompts[2:]).hidden_states
        said = training.model.unet(noisy, batch.timesteps[2:], context).sample
    kept = torch.from_numpy(np.load(training.run.prior_bank)[:-MARKS]).reshape(said.shape)
    torch.testing.assert_close(kept, said, rtol=1e-4, atol=1e-5)


@TEXT_ROW
def test_gradients_are_clipped_to_their_longest(toy: Toy, row: dict[str, Any]) -> None:
    free, clipped = (
        gradients_of_first_step(started(toy, {**row, "train.max_grad_norm": longest})) for longest in (0, 1e-3)
    )
    length = torch.stack([g.norm() for g in free.values()]).norm()
    assert float(length) > 1e-2
    scaled = {name: gradient * (1e-3 / length) for name, gradient in free.items()}
    assert worst_error(clipped, scaled) < 1e-3


@ROW
def test_gradient_checkpointing_computes_twice_and_the_same(toy: Toy, row: dict[str, Any]) -> None:
    gradients, counts = [], []
    for checkpointing in (False, True):
        training = started(toy, {**row, "train.gradient_checkpointing": checkpointing})
        calls = {"unet": 0, "text_encoder": 0}

        def count(name: str, calls: dict[str, int] = calls) -> Any:
            def hook(*_: Any) -> None:
                calls[name] += 1

            return hook

        training.model.unet.up_blocks[1].resnets[0].register_forward_pre_hook(count("unet"))
        training.model.text_encoder.text_model.encoder.layers[0].register_forward_pre_hook(count("text_encoder"))
        gradients.append(gradients_of_first_step(training))
        counts.append(calls)
    learns_text = row.get("train.train_text_encoder", False) or "textual_inversion.word" in row
    assert counts[0] == {"unet": 1, "text_encoder": 1}
    assert counts[1] == {"unet": 2, "text_encoder": 2 if learns_text else 1}
    assert worst_error(gradients[1], gradients[0]) < 1e-5
    if learns_text:
        text = [g for name, g in gradients[1].items() if name.startswith(("text_encoder.", "embedding."))]
        assert float(torch.stack([g.norm() for g in text]).norm()) > 0


def test_rates_rise_and_fall_as_scheduled(toy: Toy) -> None:
    changes = {
        "train.length": "6 steps",
        "schedule.name": "cosine",
        "schedule.warmup": "2 steps",
        "train.train_text_encoder": True,
    }
    training = toy.prepare(changes)
    used: list[tuple[float, float]] = []
    step = training.optimizer.step

    def step_and_tell() -> None:
        used.append(tuple(group["lr"] for group in training.optimizer.param_groups))
        step()

    training.optimizer.step = step_and_tell  # type: ignore[method-assign]
    train(training)
    root = 0.5**0.5
    factors = [1 / 3, 2 / 3, 1, (1 + root) / 2, 1 / 2, (1 - root) / 2]
    assert used == [(pytest.approx(1e-3 * f), pytest.approx(5e-4 * f)) for f in factors]
    reported = [(e.learning_rates["unet"], e.learning_rates["text_encoder"]) for e in events_of(training.run, Step)]
    assert reported == used


def test_half_of_the_draws_are_mirrored_if_asked(toy: Toy) -> None:
    for cached in ("ram", "disk", "off"):
        changes = {"data.horizontal_flip": True, "data.cache_latents": cached, "train.batch_size": 3}
        training = toy.prepare(changes)
        with torch.no_grad():
            encoded = {
                (image, mirrored): _latents_of(training, image, mirrored)
                for image in {example.image for example in training.instances.examples}
                for mirrored in (False, True)
            }
        drawn = [row for step in range(8) for batch in training.batches.of_step(step) for row in batch.latents]
        kinds = [
            mirrored
            for row in drawn
            for (_, mirrored), latents in encoded.items()
            if torch.allclose(row, latents, atol=1e-4)
        ]
        assert len(kinds) == len(drawn) == 24, "each draw is exactly one of the images or of their mirror images"
        assert 6 <= sum(kinds) <= 18


def _latents_of(training: Training, image: Any, mirrored: bool) -> Tensor:
    image = Image.open(image).convert("RGB").resize((72, 72), Image.Resampling.LANCZOS)
    image = ImageOps.mirror(image) if mirrored else image
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
    return training.model.vae.encode(pixels[None]).latent_dist.mean[0] * 0.18215


def test_without_mirroring_none_is(toy: Toy) -> None:
    training = toy.prepare({"train.batch_size": 3})
    with torch.no_grad():
        encoded = [_latents_of(training, e.image, False) for e in training.instances.examples]
    (batch,) = training.batches.of_step(0)
    for row in batch.latents:
        assert sum(torch.allclose(row, latents, atol=1e-4) for latents in encoded) == 1
