"""What a UNet that is told of sizes and crops hears in training: what is true of each row's image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from sd_finetune.data.cropping import size_ids
from sd_finetune.families.conditioning import TextConditioning
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.training.loop import train
from tests.toy import Toy, make_images

SIZES = [(144, 72), (72, 216), (90, 90)]
HELD = {"masks.source": "files", "masks.prior_weight": 0.5}
BUCKETS = {"data.buckets": True, "data.resolution": 128}
BANK = {"method": "dreambooth", "prior.weight": 1, "prior.source": "model", "prior.bank_size": 4, **HELD}


@pytest.fixture
def mixed(toy: Toy) -> Toy:
    """With images of three proportions, and masks of them."""
    home = toy.home / "of three proportions"
    for number, size in enumerate(SIZES):
        make_images(home / str(number), 1, size)
        Image.linear_gradient("L").resize(size).save(home / str(number) / "0.mask.png")
    return replace(toy, images=home)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[float]]]:
    """The height of the latents and the size ids of each row that the UNet is asked about; SD 1 is told them too."""
    heard: list[tuple[int, list[float]]] = []
    predict = type(FAMILY).predict

    def hear(model: DiffusionModel, noisy: Tensor, timesteps: Tensor, conditioning: TextConditioning) -> Tensor:
        ids = conditioning.size_ids
        if ids is not None:
            assert ids.dtype == torch.float32, "which half precision would round"
            assert len(ids) == len(noisy)
        heard.extend((noisy.shape[2], row) for row in ([[]] if ids is None else ids.tolist()))
        return predict(FAMILY, model, noisy, timesteps, conditioning)

    monkeypatch.setattr(FAMILY, "facts", replace(FAMILY.facts, size_ids=True), raising=False)
    monkeypatch.setattr(FAMILY, "predict", hear, raising=False)
    return heard


@pytest.mark.parametrize(
    "changes",
    [{}, {"prior.weight": 1, "prior.source": "model", **HELD}, {"prior.weight": 1, "concepts.class_images": 2}, BANK],
    ids=["alone", "from the model", "class images", "banks"],
)
def test_each_row_is_told_of_its_own_image(mixed: Toy, told: list[Any], changes: dict[str, Any]) -> None:
    """One of two class images is generated, and then nothing is told."""
    changes = {**BUCKETS, "train.batch_size": 2, "evaluation.every": "1 step", "train.length": "3 steps", **changes}
    if "concepts.class_images" in changes:
        changes["concepts.class_folder"] = str(make_images(mixed.home / "classes", 1, (300, 100)))
    training = mixed.prepare(changes)
    train(training)
    sets = [training.instances, *([training.classes] if training.classes else [])]
    true = {
        tuple(map(float, size_ids(size, crop)))
        for own in sets
        for size, crop in zip(own.image_sizes, own.crops, strict=True)
    }
    assert len(true) == (5 if "concepts.class_images" in changes else 3)
    assert len({row[4:] for row in true}) > 1, "there are buckets"
    is_generated = "concepts.class_images" in changes
    assert sum(not row for _, row in told) == is_generated
    assert {tuple(row) for _, row in told if row} == true
    assert all(height * 8 == row[4] for height, row in told if row), "each beside its own latents"


def test_crops_and_flips_by_chance_are_told(mixed: Toy) -> None:
    training = mixed.prepare(
        {"data.buckets": False, "data.crop": "random", "data.horizontal_flip": True, "data.cache_latents": "off"}
    )
    seen: set[tuple[Any, ...]] = set()
    views: list[Any] = []
    moments = training.instances.moments
    instances = replace(training.instances, moments=lambda view: views.append(view) or moments(view))
    for use in range(8):
        drawn = instances.draw(0, torch.Generator().manual_seed(use))
        size, view = instances.image_sizes[0], views[-1]
        assert size == SIZES[0]
        assert drawn.size_ids == size_ids(size, view.crop, view.flipped)
        seen.add(drawn.size_ids)
    assert len(seen) > 4


def test_sd1_is_told_of_none(mixed: Toy) -> None:
    training = mixed.prepare({})
    assert next(training.batches.of_step(0)).size_ids is None
