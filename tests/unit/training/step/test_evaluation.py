from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import mse_loss

from sd_finetune.data.cropping import crop_to
from sd_finetune.data.latents import ImageEncoder, View
from sd_finetune.training.step.randomness import generator_for, normal_noise
from tests.toy import Toy, make_images

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


@pytest.mark.parametrize("changes", [{}, {"loss.type": "huber", "loss.timestep_weights": "debiased"}])
def test_by_hand(toy: Toy, changes: dict[str, Any]) -> None:
    """Whatever is trained with, so that runs can be compared."""
    training = toy.prepare({**WANTED, **changes})
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


def test_images_are_as_they_are(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither mirrored nor cropped or colored by chance, as they are in training."""
    folder = make_images(tmp_path / "wide", 3, size=(128, 64))
    shown: list[View] = []
    monkeypatch.setattr(ImageEncoder, "__call__", lambda _, view: shown.append(view) or torch.zeros(2, 4, 9, 9))
    changes = {
        "concepts.folder": str(folder),
        "data.cache_latents": "off",
        "data.buckets": False,
        "data.crop": "random",
        "data.horizontal_flip": True,
        "data.hue_jitter": 0.5,
    }
    training = toy.prepare({**WANTED, **changes, "evaluation.images": 3})
    middle = crop_to((128, 64), (72, 72))
    assert shown == [View(image, middle) for image in sorted(folder.glob("*.png"))]
    shown.clear()
    for use in range(8):
        training.instances.draw(0, generator_for(0, "uses", use))
    assert len({view.crop for view in shown}) == 8
    assert {view.flipped for view in shown} == {False, True}
    assert all(view.colors for view in shown)
