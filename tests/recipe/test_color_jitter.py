"""Training images in other colors at each use, by the run's own stream."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sd_finetune.data.latents import ImageEncoder, View
from tests.toy import Toy, trained

JITTER: dict[str, Any] = {
    "data.cache_latents": "off",
    "data.hue_jitter": 0.3,
    "data.brightness_jitter": 0.2,
    "train.length": "4 steps",
    "prior.weight": 1.0,
    "concepts.class_images": 2,
}


def test_each_use_has_its_colors_and_a_resumed_run_the_same(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, views = ImageEncoder.__call__, list[View]()
    monkeypatch.setattr(ImageEncoder, "__call__", lambda self, view: views.append(view) or encode(self, view))
    training = toy.prepare(JITTER)
    views.clear()
    of_steps = [next(training.batches.of_step(step)).latents for step in range(4)]
    in_class_folder = [view for view in views if view.image.parent != toy.images]
    assert len(in_class_folder) == 4
    assert all(view.colors is None for view in in_class_folder)
    drawn = [view.colors for view in views if view.image.parent == toy.images]
    assert None not in drawn
    assert len(set(drawn)) == 4
    again = toy.prepare(JITTER)
    for step in (3, 1):  # as a run that is resumed there
        assert torch.equal(next(again.batches.of_step(step)).latents, of_steps[step])


def test_a_run_repeats_to_the_bit(toy: Toy) -> None:
    first, second = (trained(toy.train(JITTER)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
