"""Training and class images as they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.data.smart_crop import crop_of_image
from tests.toy import Toy


def test_what_is_trained_of_an_image_is_found_once_for_all_repeats(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each resolution, and for class images that are training images: 10,000 images with 10 repeats are 100,000."""
    asked: list[Any] = []

    def counting(image: Path, *how: Any) -> Any:
        asked.append((image, how[1:]))
        return crop_of_image(image, *how)

    monkeypatch.setattr("sd_finetune.training.step.example_sets.crop_of_image", counting)
    changes = {"concepts.repeats": 5, "data.extra_resolutions": "64", "prior.weight": 1, "prior.source": "model"}
    training = toy.prepare(changes)
    assert training.classes is not None
    assert len(training.instances.crops) == 3 * 5 * 2
    assert set(training.instances.sizes) == {(72, 72), (64, 64)}
    assert set(training.classes.sizes) == {(72, 72)}
    images = sorted(toy.images.glob("*.png"))
    assert sorted(asked) == sorted((image, (side,)) for image in images for side in (64, 72, 72))
