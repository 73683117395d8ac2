from __future__ import annotations

import pytest
import torch
from torch.nn.functional import mse_loss

from sd_finetune.training.step.randomness import normal_noise
from tests.toy import Toy

WANTED = {"evaluation.every": "1 step", "evaluation.images": 2, "evaluation.timesteps": 2, "concepts.repeats": 5}


def test_it_is_the_same_each_time_and_on_distinct_images(toy: Toy) -> None:
    training = toy.prepare(WANTED)
    assert training.evaluation is not None
    first, second = (training.evaluation.loss(training.conditioning) for _ in range(2))
    assert first == second
    seeds = [toy.prepare({**WANTED, "train.seed": seed}).evaluation for seed in (0, 1)]
    losses = [evaluation.loss(training.conditioning) for evaluation in seeds if evaluation]
    assert losses[0] == pytest.approx(first)
    assert losses[1] != pytest.approx(first, rel=1e-6)


def test_by_hand(toy: Toy) -> None:
    training = toy.prepare(WANTED)
    model = training.model
    shown = {e.image: k for k, e in enumerate(training.instances.examples)}
    images = sorted(shown)
    assert len(images) == 3
    latents = torch.stack([training.instances.draw(shown[images[k]], torch.Generator()).latents for k in (0, 1)])
    losses = []
    for k, timestep in enumerate((250, 750)):
        noise = normal_noise(0, f"evaluation noise {k}", [0, 5], (4, 9, 9))
        kept = model.alphas_cumprod[timestep].float()
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        with torch.no_grad():
            context = model.encode_prompts(["a photo of sks star"] * 2).hidden_states
            predicted = model.unet(noisy, torch.tensor(timestep), context).sample
        losses.append(mse_loss(predicted, noise).item())
    assert training.evaluation is not None
    assert training.evaluation.loss(training.conditioning) == pytest.approx(sum(losses) / 2, rel=1e-4)
