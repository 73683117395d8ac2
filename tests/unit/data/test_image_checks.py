from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from sd_finetune.data.image_checks import check_images
from sd_finetune.data.usable import usable_images
from sd_finetune.settings.options import Data
from tests.unit.data.conftest import SaveImage

DATA = Data(resolution=256)


@pytest.fixture
def folder(tmp_path: Path, save: SaveImage, photographs: dict[str, Image.Image]) -> Path:
    cup, cat, rocket = photographs["cup"], photographs["cat"], photographs["rocket"]
    save("images/cup.png", cup)
    save("images/cup, smaller.jpg", cup.resize((480, 320)))
    save("images/cat.png", cat)
    save("images/cat, tiny.png", cat.resize((90, 60)))
    save("images/rocket, blurred.png", rocket.filter(ImageFilter.GaussianBlur(6)))
    save("class/1.png", rocket)
    return tmp_path / "images"


def test_what_is_wrong_is_found(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sizes = usable_images(folder).sizes
    found = check_images(sizes, str(tmp_path / "class"), DATA, progress=lambda *done: told.append(done))
    assert (found.checked, found.total) == (6, 6)
    assert told[-1] == (6, 6)
    names = [[image.name for image in group] for group in found.alike]
    assert names == [["cat.png", "cat, tiny.png"], ["cup.png", "cup, smaller.jpg"]], "the largest is the first"
    assert {image.name for image in found.blurred} == {"cat, tiny.png", "rocket, blurred.png"}
    assert {image.name: round(scale, 1) for image, scale in found.small.items()} == {"cat, tiny.png": 3.6}
    assert {image.name: other.name for image, other in found.in_class.items()} == {"rocket, blurred.png": "1.png"}


def test_it_goes_on_where_time_ended(folder: Path) -> None:
    sizes = usable_images(folder).sizes
    assert check_images(sizes, "", DATA, seconds=0).checked == 0
    assert check_images(sizes, "", DATA).checked == 5
    assert check_images(sizes, "", DATA).checked == 5


def test_files_that_are_gone_or_damaged_are_left_out(folder: Path) -> None:
    sizes = usable_images(folder).sizes
    (folder / "cup.png").unlink()
    (folder / "cat.png").write_bytes(b"no image any more")
    found = check_images(sizes, str(folder / "gone"), DATA)
    assert found.checked == 5
    assert found.alike == []
