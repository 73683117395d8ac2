"""Where the smart crop is: at faces, else at what is not plain, and in the middle where nothing says otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sd_finetune.data import smart_crop
from sd_finetune.data.cropping import MIDDLE, Crop, crop_to
from sd_finetune.data.smart_crop import crop_of_image, interest
from sd_finetune.settings.options import Data
from tests.unit.data.conftest import SaveImage

SQUARE = (512, 512)
FACE = (172, 61, 280, 169)
"""Of the astronaut, in pixels."""


def smart(image: Image.Image, size: tuple[int, int] = SQUARE) -> Crop:
    return crop_to(image.size, size, interest(image).place(image.size, size))


def drawn(size: tuple[int, int], subject: tuple[int, int, int, int]) -> Image.Image:
    """A part full of detail on a plain ground."""
    image = Image.new("RGB", size, "gray")
    width, height = subject[2] - subject[0], subject[3] - subject[1]
    noise = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.paste(Image.fromarray(noise), subject[:2])
    return image


@pytest.mark.parametrize("left", [0, 100, 300, 500, 600])
def test_it_goes_to_the_detail(left: int) -> None:
    box = smart(drawn((800, 400), (left, 100, left + 200, 300))).box
    assert box[0] <= left + 20
    assert box[2] >= left + 180
    tall = smart(drawn((400, 800), (100, left, 300, left + 200))).box
    assert tall[1] <= left + 20
    assert tall[3] >= left + 180


def test_it_goes_to_the_middle_where_nothing_or_everything_is_to_see() -> None:
    assert smart(Image.new("RGB", (800, 400), "red")) == crop_to((800, 400), SQUARE)
    place, _ = interest(drawn((800, 400), (0, 0, 800, 400))).place((800, 400), SQUARE)
    assert place == pytest.approx(MIDDLE[0], abs=0.1)


def test_where_nothing_is_cut_off_there_is_nothing_to_choose() -> None:
    image = drawn((512, 512), (0, 0, 100, 100))
    assert interest(image).place(image.size, SQUARE) == MIDDLE


def test_a_face_counts_more_than_detail(photographs: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    portrait = photographs["astronaut"].crop((0, 0, 320, 512))  # whose suit has more detail than the face
    box = smart(portrait).box
    assert box[1] <= FACE[1]
    assert box[3] >= FACE[3]
    monkeypatch.setattr(smart_crop, "_detector", lambda: None)
    assert smart(portrait).box[1] > FACE[1], "without scikit-image faces are not found"


def test_it_is_an_option_of_the_data(save: SaveImage, tmp_path: Path) -> None:
    image = save("1.png", drawn((800, 400), (600, 100, 800, 300)))
    center, chosen = (crop_of_image(image, Data(buckets=False, crop=crop)) for crop in ("center", "smart"))
    assert center.box == (200, 0, 600, 400)
    assert chosen.size == center.size == SQUARE
    assert chosen.box[2] > 780
    save("1.png", drawn((800, 400), (0, 100, 200, 300)))
    assert crop_of_image(image, Data(buckets=False, crop="smart")).box[0] < 20, "a file that changed is looked at again"
