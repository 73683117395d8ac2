from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.data.concepts import wanted_class_images
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Concept
from sd_finetune.training.prior.class_images import class_images_of
from tests.toy import make_images


class Drawer:
    """Notes what it was asked to draw, and draws nothing."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def __call__(self, numbers: list[int], paths: list[Path]) -> None:
        self.numbers += numbers
        for path in paths:
            path.touch()


def test_how_many() -> None:
    assert wanted_class_images(Concept(), 7) == 70
    assert wanted_class_images(Concept(class_images=12), 7) == 12


def test_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "00001.png").touch()
    draw = Drawer()
    images, warnings = class_images_of(Concept(class_prompt="a dog"), 3, tmp_path, draw)
    assert draw.numbers == [0, 2]
    assert [image.name for image in images] == ["00000.png", "00001.png", "00002.png"]
    assert warnings == []


def test_own_ones_count(tmp_path: Path) -> None:
    own = make_images(tmp_path / "own", 2)
    draw = Drawer()
    concept = Concept(class_prompt="a dog", class_folder=str(own))
    images, _ = class_images_of(concept, 3, tmp_path, draw)
    assert images == [own / "0.png", own / "1.png", tmp_path / "00000.png"]
    assert class_images_of(concept, 1, tmp_path, draw)[0] == [own / "0.png"]
    assert draw.numbers == [0]


def test_a_missing_class_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone"):
        class_images_of(Concept(class_folder=str(tmp_path / "gone")), 3, tmp_path, Drawer())


def test_captions_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    concept = Concept(class_prompt="a dog, [filewords]", class_folder=str(tmp_path / "own"))
    with pytest.raises(UserError, match="No class images"):
        class_images_of(concept, 3, tmp_path, Drawer())
