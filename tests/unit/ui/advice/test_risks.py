"""Warnings before training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.table import DEFAULT_FAMILY, FAMILIES
from sd_finetune.formats.known_base import KnownBase
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.advice import risks as looked_at
from sd_finetune.ui.advice.risks import risks
from sd_finetune.ui.projects.check import check
from tests.screen import Screen, make_images


def told(screen: Screen, **changes: Any) -> list[str]:
    settings = screen.settings(**changes)
    return [sentence for _, sentence in risks(from_dict(settings), [each.images for each in check(settings).found])]


@pytest.fixture
def many(tmp_path: Path) -> str:
    """A folder of so many pictures that there is nothing to say of their number."""
    return str(make_images(tmp_path / "many", 5))


def test_few_pictures(screen: Screen, many: str) -> None:
    assert told(screen)[0].startswith("Concept 1 has 3 training images: use 5 to 20")
    assert told(screen, concepts=[{"folder": many, "instance_prompt": "a dog"}]) == []


def test_missing_captions(screen: Screen, many: str) -> None:
    concept = {"folder": many, "instance_prompt": "a photo of [filewords]"}
    for number in range(4):
        (Path(many) / f"{number}.txt").write_text("a dog")
    assert told(screen, concepts=[concept]) == [
        "Concept 1 has 1 image without a caption, such as 4.png: its file name replaces [filewords]."
    ]
    (Path(many) / "4.txt").write_text("a dog")
    assert told(screen, concepts=[concept]) == []
    shutil.copy(Path(many) / "4.png", Path(many) / "4.jpg")
    assert told(screen, concepts=[concept]) == [
        f"Concept 1: 1 caption ({Path(many) / '4.txt'}) is used for several images, such as 4.jpg and 4.png: if each "
        "is to have its own, save 4.jpg.txt and 4.png.txt."
    ]


def test_a_class_folder_without_pictures(screen: Screen, many: str, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    concept = {"folder": many, "instance_prompt": "x", "class_prompt": "a dog", "class_folder": str(tmp_path / "class")}
    asked = {"concepts": [concept], "prior__weight": 1.0}
    assert told(screen, **asked) == [
        f"Concept 1 has no images in {tmp_path / 'class'}: all 50 class images will be generated."
    ]
    assert told(screen, **asked, prior__source="both") == told(screen, **asked)
    assert told(screen, **asked, prior__source="model") == []
    make_images(tmp_path / "class", 1)
    assert told(screen, **asked) == []


@pytest.mark.parametrize(
    ("method", "name", "rate", "words"),
    [
        ("lora", "train__unet_learning_rate", 0.008, "training may diverge"),
        ("dreambooth", "train__unet_learning_rate", 1e-4, "training may diverge"),
        ("hypernetwork", "train__unet_learning_rate", 1e-8, "the model may learn too little"),
        ("textual_inversion", "textual_inversion__learning_rate", 0.5, "training may diverge"),
    ],
)
def test_unusual_rates_of_models_of_full_size(
    screen: Screen, many: str, monkeypatch: pytest.MonkeyPatch, method: str, name: str, rate: float, words: str
) -> None:
    monkeypatch.setattr(looked_at, "FULL_SIZE", 10)
    concept = {"folder": many, "instance_prompt": "a [name]" if method == "textual_inversion" else "a sks dog"}
    usual = {"method": method, "concepts": [concept]}
    assert told(screen, **usual) == []
    (sentence,) = told(screen, **usual, **{name: rate})
    assert sentence.startswith(f"{name.replace('__', '.')} = {rate:g} is outside the usual range")
    assert words in sentence
    monkeypatch.setattr(looked_at, "FULL_SIZE", 10**9)
    assert told(screen, **usual, **{name: rate}) == []


def test_a_resolution_far_below_that_of_models_of_full_size(
    screen: Screen, many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"concepts": [{"folder": many, "instance_prompt": "a sks dog"}]}
    assert told(screen, **asked, data__resolution=64) == [], "of a small model"
    facts = FAMILIES[DEFAULT_FAMILY]
    monkeypatch.setattr(looked_at, "base_of", lambda _: KnownBase(facts, SD15, facts.memory))
    assert told(screen, **asked, data__resolution=384) == []
    (sentence,) = told(screen, **asked, data__resolution=376)
    assert sentence.startswith("data.resolution = 376 is far below the 512 pixels that Stable Diffusion 1 was trained")


def test_nothing_to_draw(screen: Screen, many: str) -> None:
    concept = {"folder": many, "instance_prompt": "a dog"}
    assert "There are no sample prompts" in told(screen, concepts=[concept], samples__prompts=[])[0]


@pytest.mark.parametrize(
    ("optimizer", "rate", "unusual"), [("adamw", 4e-4, 0), ("lion8bit", 4e-4, 1), ("prodigy", 1, 0)]
)
def test_usual_rates_are_those_of_the_optimizer(
    screen: Screen, many: str, monkeypatch: pytest.MonkeyPatch, optimizer: str, rate: float, unusual: int
) -> None:
    monkeypatch.setattr(looked_at, "FULL_SIZE", 10)
    asked = {"method": "lora", "concepts": [{"folder": many, "instance_prompt": "a sks dog"}]}
    assert len(told(screen, **asked, optimizer__name=optimizer, train__unet_learning_rate=rate)) == unusual
