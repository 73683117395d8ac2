"""The gradients of SDXL's first step, computed a second time with diffusers' scheduler and the modules alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.messages import Step
from sd_finetune.training.state import Training
from sd_finetune.training.step.batches import Batch
from tests.toy import ROWS, Toy, events_of, gradients_of_first_step, make_images, worst_error

ONE_STEP = {"train.length": "1 step", "train.max_grad_norm": 0, "train.batch_size": 2, "data.buckets": False}
SIZE = (200, 100)
"""Of the images; a square of 72 pixels is cut out of 144 x 72."""
SIZE_IDS = [100.0, 200.0, 0.0, 36.0, 72.0, 72.0]
CLASS_SIZE_IDS = [72.0, 72.0, 0.0, 0.0, 72.0, 72.0]
PRIORS = {
    "images": {"prior.weight": 0.7},
    "model": {"prior.weight": 0.7, "prior.source": "model"},
}


def scheduler_of(kind: str) -> DDPMScheduler:
    beside = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True} if kind == "sdxl, v" else {}
    return DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear", **beside)


def predicted(model: Any, batch: Batch, scheduler: DDPMScheduler, sizes: list[list[float]]) -> Tensor:
    """What the UNet says to the batch, with prompts and sizes by hand."""
    states, asked = [], {"padding": "max_length", "max_length": 77, "return_tensors": "pt"}
    for part in ("text_encoder", "text_encoder_2"):
        ids = model.tokenizers[part](batch.prompts, **asked).input_ids
        answer = model.text_encoders[part](ids, output_hidden_states=True)
        states.append(answer.hidden_states[-2])
    beside = {"text_embeds": answer.text_embeds, "time_ids": torch.tensor(sizes)}
    noisy = scheduler.add_noise(batch.latents, batch.noise, batch.timesteps)
    return model.unet(noisy, batch.timesteps, torch.cat(states, dim=-1), added_cond_kwargs=beside).sample


def started(toy: Toy, changes: dict[str, Any]) -> Training:
    """A run that is ready, in which everything has moved a little."""
    images = make_images(toy.home / "wide", 3, SIZE)
    training = toy.prepare({**ONE_STEP, **changes, "concepts.folder": str(images)})
    generator = torch.Generator().manual_seed(2)
    for value in training.method.trained_tensors().values():
        value.data += 0.02 * torch.randn(value.shape, generator=generator)
    return training


@pytest.mark.parametrize("kind", ["sdxl", "sdxl, v"])
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("row", ["lora+text", "dreambooth+text"])
def test_the_gradients_are_those_by_hand(toys: Callable[[str], Toy], kind: str, prior: str, row: str) -> None:
    bank = {"prior.bank_size": 4} if row.startswith("dreambooth") and prior == "model" else {}
    training = started(toys(kind), {**ROWS[row], **PRIORS[prior], **bank})
    (batch,) = training.batches.of_step(0)
    sizes = [SIZE_IDS] * 2 + [CLASS_SIZE_IDS if prior == "images" else SIZE_IDS] * 2
    scheduler = scheduler_of(kind)
    answer = predicted(training.model, batch, scheduler, sizes)
    target = batch.noise.clone()
    if kind == "sdxl, v":
        target = scheduler.get_velocity(batch.latents, batch.noise, batch.timesteps)
    if prior == "model":
        with torch.no_grad():
            untrained = load_model(read_checkpoint(training.base.path))
            target[2:] = predicted(untrained, batch, scheduler, sizes)[2:]
    instance, of_class = (answer[:2] - target[:2]).square().mean(), (answer[2:] - target[2:]).square().mean()
    tensors = training.method.trained_tensors()
    found = torch.autograd.grad(instance + 0.7 * of_class, list(tensors.values()), allow_unused=True)
    expected = {n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(tensors.items(), found, strict=True)}
    assert worst_error(gradients_of_first_step(training), expected) < 1e-3
    (event,) = events_of(training.run, Step)
    assert event.loss == pytest.approx((instance + 0.7 * of_class).item(), rel=1e-4)
