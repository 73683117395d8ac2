"""What is left of a JPEG shows as well as the whole file whether it can be decoded."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sd_finetune.data.images import look_at
from sd_finetune.data.jpeg_outline import jpeg_outline

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RGB", {}),
    ("RGB", {"quality": 97, "subsampling": 0, "optimize": True}),
    ("RGB", {"progressive": True}),
    ("RGB", {"restart_marker_blocks": 3}),
    ("L", {"progressive": True, "restart_marker_rows": 1}),
    ("CMYK", {}),
]


def jpeg(mode: str, **options: Any) -> bytes:
    bands = {"RGB": (24, 32, 3), "CMYK": (24, 32, 4), "L": (24, 32)}[mode]
    pixels = np.random.default_rng(1).integers(0, 256, bands, dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels, mode=mode).resize((128, 96)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def is_decoded(data: bytes) -> bool:
    try:
        with Image.open(BytesIO(data), formats=["JPEG"]) as image:
            image.load()
            return True
    except Exception:
        return False


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut short, or with bytes that are other ones, twice there or gone, mostly where there are no pixels."""
    if chance.random() < 0.3:
        cut = data[: chance.randrange(len(data))]
        return cut + b"\xff\xd9" if chance.random() < 0.4 else cut
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(min(700, len(changed)) if chance.random() < 0.5 else len(changed))
        match chance.randrange(4):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                changed[place : place + 2] = bytes([0xFF, chance.choice(b"\xc0\xc2\xc4\xd0\xd9\xda\xdb\xdd\xe0\0\1")])
            case 2:
                del changed[place : place + chance.randrange(1, 40)]
            case _:
                other = chance.randrange(len(changed))
                changed[place:place] = changed[other : other + chance.randrange(1, 300)]
    return bytes(changed)


@pytest.mark.parametrize(("mode", "options"), KINDS)
def test_damage_is_found_as_by_decoding_all_of_it(mode: str, options: dict[str, Any]) -> None:
    whole, chance = jpeg(mode, **options), random.Random(f"{mode} {options}")
    verdicts: list[bool] = []
    for _ in range(250):
        data = damaged(whole, chance)
        seen = look_at(BytesIO(data))
        if "pixels" not in seen.why:  # a size that is of no use is refused before
            assert (seen.size is not None) == is_decoded(data)
            verdicts.append(seen.size is not None)
    assert 40 < sum(verdicts) < 210


@pytest.mark.parametrize(("mode", "options"), KINDS)
def test_most_of_a_whole_file_is_left_out(mode: str, options: dict[str, Any]) -> None:
    whole = jpeg(mode, **options)
    outline = jpeg_outline(whole)
    assert outline is not None
    assert is_decoded(outline)
    assert len(outline) < 2500 < len(whole)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 20, 200, -1, -2, -3, -500])
def test_nothing_is_left_of_a_file_that_is_cut(place: int) -> None:
    assert jpeg_outline(jpeg("RGB")[:place]) is None


def test_other_files_have_no_outline() -> None:
    for data in (b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n" + bytes(99)):
        assert jpeg_outline(data) is None
