from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sd_finetune.data.concepts import wanted_class_images
from sd_finetune.errors import UserError
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.settings.options import Concept
from sd_finetune.training.prior.class_images import ClassImageCache, Missing, cache_of, class_images_of
from tests.toy import Toy, make_images

SQUARE = (64, 64)


class Drawer:
    """Notes what it was asked to draw, and draws nothing."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, missing: list[Missing]) -> None:
        for cache, numbers in missing:
            self.numbers += numbers
            self.sizes += [cache.size] * len(numbers)


def found(
    concept: Concept,
    instance_images: int,
    cache: ClassImageCache,
    draw: Drawer,
    warn: Callable[[str], None] = print,
    sizes: Mapping[tuple[int, int], int] | None = None,
) -> list[Path]:
    """Those of a concept whose cache for squares is `cache`."""

    def cache_for(size: tuple[int, int]) -> ClassImageCache:
        return cache if size == SQUARE else replace(cache, folder=cache.folder / "x".join(map(str, size)), size=size)

    return class_images_of(concept, instance_images, sizes or {SQUARE: 1}, cache_for, draw, warn)


def test_how_many() -> None:
    """The number that is asked for; else one's own alone; else ten for each training image."""
    assert wanted_class_images(Concept(), 7, own=0) == 70
    assert wanted_class_images(Concept(), 7, own=3) == 3
    assert [wanted_class_images(Concept(class_images=12), 7, own) for own in (0, 3, 20)] == [12, 12, 12]


def test_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    """An image that is damaged or all black is missing too."""
    cache, draw, said = ClassImageCache(tmp_path, {"prompt": "a dog"}, SQUARE), Drawer(), list[str]()
    cache.keep(1, Image.new("RGB", (64, 64), (0, 0, 1)))
    cache.keep(2, Image.new("RGB", (64, 64)))
    cache.keep(3, Image.effect_noise((64, 64), 50).convert("RGB"))
    cache.image(3).write_bytes(cache.image(3).read_bytes()[:2000])
    images = found(Concept(class_prompt="a dog", class_images=4), 1, cache, draw, said.append)
    assert draw.numbers == [0, 2, 3]
    assert [image.name for image in images] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert said == []


def test_all_processes_of_a_run_go_by_what_the_first_has_found_missing(tmp_path: Path) -> None:
    """Another run may be filling the same cache."""
    cache, draw = ClassImageCache(tmp_path, {"prompt": "a dog"}, SQUARE), Drawer()
    cache.keep(1, Image.new("RGB", SQUARE, "red"))
    asked: list[list[int]] = []

    def first(numbers: list[int]) -> list[int]:
        asked.append(numbers)
        return [0, 1]

    concept = Concept(class_prompt="a dog", class_images=2)
    class_images_of(concept, 1, {SQUARE: 1}, lambda size: cache, draw, print, agreed=first)
    assert asked == [[0]]
    assert draw.numbers == [0, 1]


def test_in_the_shares_of_the_training_images(tmp_path: Path) -> None:
    draw, cache = Drawer(), ClassImageCache(tmp_path, {}, SQUARE)
    cache.keep(0, Image.new("RGB", SQUARE, "red"))
    images = found(Concept(class_images=6), 3, cache, draw, sizes={SQUARE: 2, (96, 40): 1})
    assert draw.sizes == [SQUARE] * 3 + [(96, 40)] * 2
    assert draw.numbers == [1, 2, 3, 0, 1]
    assert sorted(image.relative_to(tmp_path).as_posix() for image in images) == [
        "00000.png", "00001.png", "00002.png", "00003.png", "96x40/00000.png", "96x40/00001.png"
    ]  # fmt: skip


def test_what_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    cache = ClassImageCache(tmp_path / "key", {"prompt": "a dog"}, SQUARE)
    for number in range(3):
        cache.keep(number, Image.new("RGB", (8, 8), "red"))
    assert json.loads((cache.folder / "class-images.json").read_text()) == {"prompt": "a dog"}
    cache.drop([1, 2, 3])
    assert [path.name for path in cache.folder.glob("*.png")] == ["00000.png"]
    cache.drop([0])
    assert list(tmp_path.iterdir()) == []


def test_own_ones_count(tmp_path: Path) -> None:
    own = make_images(tmp_path / "own", 2)
    draw, said = Drawer(), list[str]()
    concept = Concept(class_prompt="a dog", class_folder=str(own), class_images=3)
    images = found(concept, 1, ClassImageCache(tmp_path, {}, SQUARE), draw, said.append)
    assert images == [own / "0.png", own / "1.png", tmp_path / "00000.png"]
    assert said == [f"1 class image is generated, as {own} has 2 and class_images = 3: set it to auto to train with "
                    "yours alone."]  # fmt: skip
    assert found(replace(concept, class_images=1), 1, ClassImageCache(tmp_path, {}, SQUARE), draw, said.append) == [
        own / "0.png"
    ]
    assert draw.numbers == [0]


def test_without_a_number_none_is_generated_beside_own_ones(tmp_path: Path) -> None:
    own = make_images(tmp_path / "own", 3)
    draw, said = Drawer(), list[str]()
    concept = Concept(class_prompt="a dog", class_folder=str(own))
    assert len(found(concept, 3, ClassImageCache(tmp_path, {}, SQUARE), draw, said.append)) == 3
    assert draw.numbers == []
    assert said == []


def test_a_missing_class_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone"):
        found(Concept(class_folder=str(tmp_path / "gone")), 3, ClassImageCache(tmp_path, {}, SQUARE), Drawer(), print)


def test_captions_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    concept = Concept(class_prompt="a dog, [filewords]", class_folder=str(tmp_path / "own"))
    with pytest.raises(UserError, match="No class images"):
        found(concept, 3, ClassImageCache(tmp_path, {}, SQUARE), Drawer(), print)


def test_precision_and_device_have_places_of_their_own_where_they_matter(tmp_path: Path, toy: Toy) -> None:
    """In fp32 a CPU and a GPU make the same images; in half precision each rounds in its own way."""
    base = read_checkpoint(toy.checkpoint)

    def place(precision: str, device: str) -> Path:
        settings = toy.settings({"train.mixed_precision": precision, "train.device": "auto"})
        return cache_of(tmp_path, base, "a star", settings, torch.device(device), SQUARE).folder

    assert place("no", "cpu") == place("no", "cuda")
    places = [place("no", "cpu"), *(place(half, device) for half in ("fp16", "bf16") for device in ("cpu", "cuda"))]
    assert len(set(places)) == 5


def test_concepts_of_one_class_prompt_have_images_of_their_own(tmp_path: Path) -> None:
    caches = {size: ClassImageCache(tmp_path / str(size[0]), {}, size) for size in (SQUARE, (96, 40))}
    draw, used = Drawer(), Counter[Path]()

    def images_of(count: int, sizes: Mapping[tuple[int, int], int]) -> list[str]:
        concept = Concept(class_prompt="a dog", class_images=count)
        images = class_images_of(concept, 1, sizes, lambda size: caches[size], draw, print, used=used)
        return sorted(image.relative_to(tmp_path).as_posix() for image in images)

    assert images_of(2, {SQUARE: 1}) == ["64/00000.png", "64/00001.png"]
    caches[SQUARE].keep(2, Image.new("RGB", SQUARE, "red"))
    assert images_of(4, {SQUARE: 1, (96, 40): 1}) == ["64/00002.png", "64/00003.png", "96/00000.png", "96/00001.png"]
    assert draw.numbers == [0, 1, 3, 0, 1]
    assert images_of(1, {SQUARE: 1}) == ["64/00004.png"]
