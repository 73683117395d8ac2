from __future__ import annotations

import struct
import sys
import zlib
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sd_finetune.data import images, skipped
from sd_finetune.data.folder import list_folder
from sd_finetune.data.images import look_at, open_image, readable_formats
from sd_finetune.data.usable import usable_images
from sd_finetune.errors import UserError

READS_AVIF = "AVIF" in readable_formats()

# How the EXIF standard stores an upright image under each orientation, from its wording of what the 0th row and the
# 0th column of the stored pixels show.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def turned(upright: np.ndarray, orientation: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.webp", {"lossless": True}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"})],
)
def test_exif_turn_is_undone(save, noise, orientation, name, options):
    tag = {"tiffinfo": {0x0112: orientation}} if name == "a.tif" else {"exif": exif(orientation)}
    path = save(name, turned(noise, orientation), **tag, **options)
    np.testing.assert_array_equal(np.asarray(open_image(path)), noise)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.mpo.jpg", pytest.param("a.avif", marks=pytest.mark.skipif(
    not READS_AVIF, reason="this Pillow reads no AVIF"))])  # fmt: skip
def test_a_real_photograph_turned_by_exif(save, photographs, orientation, name):
    upright = np.asarray(photographs["cat"])
    more = {"format": "MPO", "save_all": True, "append_images": [photographs["cup"]]} if "mpo" in name else {}
    path = save(name, turned(upright, orientation), exif=exif(orientation), quality=92, speed=10, **more)
    image = open_image(path)
    assert image.size == (451, 300)
    assert np.abs(np.asarray(image).astype(int) - upright).mean() < 4
    mirrored = np.abs(upright[:, ::-1].astype(int) - upright).mean()
    assert mirrored > 20, "the photograph is too symmetric for this test"


def test_a_turned_sixteen_bit_grey(save, noise):
    values = noise[..., 0].astype(np.uint16) * 257
    path = save("deep.png", Image.fromarray(np.rot90(values).copy()), exif=exif(6))
    np.testing.assert_array_equal(np.asarray(open_image(path))[..., 0], noise[..., 0])


BROKEN_EXIF = (b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\xff", b"Exif\x00\x00nonsense", b"Exif\x00\x00")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("broken", BROKEN_EXIF)
def test_broken_exif_does_not_cost_the_image(save, noise, broken):
    path = save("broken.png", Image.fromarray(noise), exif=broken)
    np.testing.assert_array_equal(np.asarray(open_image(path)), noise)


def test_an_unknown_orientation_is_upright(save, noise):
    np.testing.assert_array_equal(np.asarray(open_image(save("a.png", Image.fromarray(noise), exif=exif(9)))), noise)


# --- finding


def test_finds_every_format_by_name_sorted(tmp_path, save):
    wanted = ["B.PNG", "a.jpeg", "a.webp", "c.bmp", "d.TIFF", "e.tif", "f.jpg", "sub/a.gif", "ünï code 犬.png"]
    for name in wanted:
        save(name)
    for name in ("notes.txt", "a.safetensors", "._a.jpg", "folder.png/readme.md", ".hidden/a.png", "sub/.cache/b.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not an image")
    assert [path.relative_to(tmp_path).as_posix() for path in list_folder(str(tmp_path)).images] == sorted(wanted)


@pytest.mark.parametrize("name", ["1.tga", "1.jp2", "1.ppm", "1.pcx", "1.dds", "1.sgi", "1.mpo"])
def test_formats_that_are_told_by_their_ending(tmp_path, save, name):
    path = save(name)
    assert usable_images(tmp_path).images == [path]
    assert open_image(path).getpixel((5, 5)) == pytest.approx((255, 0, 0), abs=3)
    assert look_at(BytesIO(path.read_bytes()), ending=path.suffix).size == (40, 30)
    path.rename(tmp_path / "1.png")
    if name != "1.mpo":  # which begins with a JPEG
        assert usable_images(tmp_path).images == []


def test_heic_is_found_where_its_plug_in_is(tmp_path, save, monkeypatch):
    """Stood in for by one that reads PNG."""
    path = save("1.heic", format="PNG")
    assert not usable_images(tmp_path).images or find_spec("pillow_heif")

    def register():
        monkeypatch.setitem(Image.OPEN, "HEIF", Image.OPEN["PNG"])
        monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")

    Image.init()
    monkeypatch.setitem(sys.modules, "pillow_heif", SimpleNamespace(register_heif_opener=register))
    cached = (images._load_plugins, skipped.readable_suffixes, skipped.other_image_suffixes)
    try:
        for each in cached:
            each.cache_clear()
        assert list_folder(tmp_path).images == [path]
        assert look_at(path).size == (40, 30)
    finally:
        monkeypatch.undo()
        for each in cached:
            each.cache_clear()


def test_avif_is_found_where_pillow_reads_it(tmp_path, save):
    (tmp_path / "a.avif").write_bytes(b"")
    assert (list_folder(tmp_path).images == [tmp_path / "a.avif"]) is READS_AVIF


def test_a_folder_that_is_none(tmp_path, save):
    for path in (tmp_path / "missing", save("a.png")):
        with pytest.raises(UserError, match=f"^Folder .*{path.name} (not found|is a file): choose"):
            list_folder(path)


# --- broken files


def usable(folder: Path) -> tuple[list[Path], list[str]]:
    found = usable_images(folder)
    return found.images, found.warnings()


def truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def bomb(path: Path) -> None:
    """A PNG of a few hundred bytes that claims 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(30_001 * 8))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def in_words(path: Path) -> None:
    path.write_text("this is a text file named like an image")


def postscript(path: Path) -> None:
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


BREAKS = {
    "empty.jpg": (lambda path: path.write_bytes(b""), "the file is empty"),
    "words.jpg": (in_words, "it is not one of PNG, JPEG, "),
    "eps.jpg": (postscript, "it is not one of PNG, JPEG, "),
    "huge.png": (bomb, "it has 900 megapixels, and the limit is 178"),
    "cut.jpg": (truncated, "truncated"),
    "cut.png": (truncated, "trunc|broken"),
    "cut.webp": (truncated, ""),
    "cut.gif": (truncated, ""),
    "cut.bmp": (truncated, "truncated"),
    "cut.tif": (truncated, ""),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_image_is_skipped_by_name(tmp_path, save, photographs, name):
    damage, reason = BREAKS[name]
    good = save("good.png")
    bad = save(name, photographs["cup"])
    damage(bad)
    with pytest.raises(UserError, match=rf"{name} cannot be read as an image \(.*(?:{reason}).*\): replace it"):
        open_image(bad)
    images, warnings = usable(tmp_path)
    assert images == [good]
    assert len(warnings) == 1
    assert str(bad) in warnings[0]


def test_a_missing_image(tmp_path):
    with pytest.raises(UserError, match=r"gone.png cannot be read as an image \(No such file"):
        open_image(tmp_path / "gone.png")


def test_formats_that_cannot_be_read_here_are_named(tmp_path, save):
    good = save("good.png")
    (tmp_path / "phone.HEIC").write_bytes(b"....ftypheic")
    (tmp_path / "notes.txt").write_text("a caption, no reason to warn")
    images, warnings = usable(tmp_path)
    assert images == [good]
    assert len(warnings) == 1
    assert "phone.HEIC has a format that is not supported: save it as PNG or JPEG" in warnings[0]


def test_an_avif_is_warned_of_once_whether_pillow_reads_avif_or_not(tmp_path):
    (tmp_path / "broken.avif").write_bytes(b"")
    _, warnings = usable(tmp_path)
    assert len(warnings) == 1
    assert "broken.avif" in warnings[0]
