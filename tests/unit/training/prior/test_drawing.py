"""Class images many at a time: how many, each prompt encoded once, the same images whatever the size of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.known_base import memory_of
from sd_finetune.settings.prompt_reading import PromptReading
from sd_finetune.training.prior import drawing
from sd_finetune.training.prior.class_images import ClassImageCache
from sd_finetune.training.prior.drawing import generate_class_images, images_at_a_time
from sd_finetune.vram.estimate import generating_bytes
from tests.toy import Toy

GUIDED = {"class_images.negative_prompt": "gray", "class_images.guidance_scale": 3.0, "class_images.sampler": "euler"}


@pytest.fixture(scope="module")
def model(toy: Toy) -> DiffusionModel:
    return load_model(read_checkpoint(toy.checkpoint))


def drawn(model: DiffusionModel, toy: Toy, folder: Path, size: Any, reports: list[int]) -> list[np.ndarray]:
    settings = toy.settings({**GUIDED, "class_images.batch_size": size})
    cache = ClassImageCache(folder, {}, (72, 72))
    concept, numbers = settings.concepts[0], [0, 1, 2, 4, 7]
    accelerator: Any = SimpleNamespace(device=torch.device("cpu"), autocast=nullcontext)
    generate_class_images(
        model, concept, settings, numbers, cache, accelerator, lambda done, _: reports.append(done), lambda: None
    )
    return [np.asarray(Image.open(cache.image(number))).astype(int) for number in numbers]


def test_images_do_not_depend_on_the_size_of_a_batch(model: DiffusionModel, toy: Toy, tmp_path: Path) -> None:
    reports: list[list[int]] = [[], [], []]
    one, two, all_ = (
        drawn(model, toy, tmp_path / str(size), size, told) for size, told in zip((1, 2, 5), reports, strict=True)
    )
    assert reports == [[0, 1, 2, 3, 4, 5], [0, 2, 4, 5], [0, 5]]
    for images in (two, all_):
        assert max(np.abs(own - alone).max() for own, alone in zip(images, one, strict=True)) <= 1


def test_each_prompt_is_encoded_once(
    model: DiffusionModel, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    encode = type(model).encode_each

    def counting(self: DiffusionModel, prompts: Sequence[str], reading: PromptReading) -> Any:
        asked.extend(prompts)
        return encode(self, prompts, reading)

    monkeypatch.setattr(type(model), "encode_each", counting)
    drawn(model, toy, tmp_path, 2, [])
    assert asked == ["a photo of a star", "gray"]


def test_a_batch_that_is_too_large_for_the_vram_is_halved(
    model: DiffusionModel, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def generate(_: Any, prompts: Sequence[str], *rest: Any) -> list[Image.Image]:
        sizes.append(len(prompts))
        if len(prompts) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [Image.new("RGB", (8, 8), "red")]

    monkeypatch.setattr(drawing, "generate_images", generate)
    drawn(model, toy, tmp_path, "auto", [])
    assert sizes == [4, 2, 1, 1, 1, 1, 1]

    def never(*_: Any) -> list[Image.Image]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(drawing, "generate_images", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        drawn(model, toy, tmp_path, 1, [])


def test_how_many_follows_the_free_vram(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = toy.settings({"train.device": "auto", "train.mixed_precision": "bf16", "data.resolution": 512})
    base = memory_of(settings)
    room = [factor * generating_bytes(settings, count, base) for factor, count in ((0.5, 1), (1, 11), (1, 40))]
    found: list[int] = []
    for usable in room:
        free = int(usable / drawing.USABLE) + 1
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda _, free=free: (free, 80_000_000_000))
        found.append(images_at_a_time(settings, torch.device("cuda")))
    assert found == [1, 11, 16]
    assert images_at_a_time(toy.settings(), torch.device("cpu")) == 4
    assert images_at_a_time(toy.settings({"class_images.batch_size": 30}), torch.device("cuda")) == 30
