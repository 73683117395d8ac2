from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from sd_finetune.data.images import open_image
from sd_finetune.errors import UserError

WHITE = (255, 255, 255)


def opened(path) -> np.ndarray:
    image = open_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def test_rgb_comes_through_to_the_bit(save, noise):
    for name in ("a.png", "a.bmp", "a.tif"):
        np.testing.assert_array_equal(opened(save(name, Image.fromarray(noise))), noise)


def test_grey_has_three_equal_channels(save, noise):
    pixels = opened(save("gray.png", Image.fromarray(noise[..., 0])))
    np.testing.assert_array_equal(pixels, np.repeat(noise[..., :1], 3, axis=2))


def test_palette(save, noise):
    palette = Image.fromarray(noise).quantize(16)
    pixels = opened(save("palette.png", palette))
    np.testing.assert_array_equal(pixels, np.asarray(palette.convert("RGB")))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 16


def test_one_bit(save, noise):
    bits = noise[..., 0] > 127
    pixels = opened(save("bits.png", Image.fromarray(bits)))
    np.testing.assert_array_equal(pixels[..., 2], np.where(bits, 255, 0))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_transparency_becomes_white(save, name):
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0] = [(255, 0, 0, 255), (255, 0, 0, 0), (255, 0, 0, 128)]
    rgba[1, :, 3] = 255
    options = {"lossless": True, "exact": True} if name == "a.webp" else {}
    pixels = opened(save(name, Image.fromarray(rgba), **options))
    assert tuple(pixels[0, 0]) == (255, 0, 0)
    assert tuple(pixels[0, 1]) == WHITE
    assert tuple(pixels[0, 2]) == (255, 127, 127)
    assert tuple(pixels[1, 2]) == (0, 0, 0)


def test_grey_with_alpha(save):
    values = Image.fromarray(np.array([[10, 10, 200]], np.uint8))
    values.putalpha(Image.fromarray(np.array([[255, 0, 255]], np.uint8)))
    assert values.mode == "LA"
    assert opened(save("la.png", values))[0, :, 0].tolist() == [10, 255, 200]


def test_transparent_palette_entry(save):
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([0, 0, 255, 0, 255, 0])
    for name in ("entry.png", "entry.gif"):
        pixels = opened(save(name, palette, transparency=0))
        assert tuple(pixels[0, 0]) == WHITE
        assert tuple(pixels[0, 1]) == (0, 255, 0)


@pytest.mark.parametrize(("mode", "color"), [("RGB", (9, 8, 7)), ("L", 9)])
def test_one_colour_named_as_transparent(save, mode, color):
    image = Image.new(mode, (2, 1), color)
    image.putpixel((1, 0), (1, 2, 3) if mode == "RGB" else 1)
    pixels = opened(save("trns.png", image, transparency=color))
    assert tuple(pixels[0, 0]) == WHITE
    assert pixels[0, 1, 0] == 1


@pytest.mark.parametrize("name", ["ramp.png", "ramp.tif"])
def test_sixteen_bit_grey_is_scaled_not_cut_off(save, name):
    ramp = np.linspace(0, 65535, 300).round().astype(np.uint16)[None]
    pixels = opened(save(name, Image.fromarray(ramp)))
    expected = ramp[0] / 65535 * 255
    assert np.abs(pixels[0, :, 1] - expected).max() <= 0.51


def test_dark_sixteen_bit_grey_stays_dark(save):
    pixels = opened(save("night.png", Image.fromarray(np.full((2, 2), 250, np.uint16))))
    assert pixels.max() == 1


def test_sixteen_bit_big_endian(save, noise):
    values = (noise[..., 0].astype(np.uint16) * 257).astype(">u2")
    pixels = opened(save("big.tif", Image.frombytes("I;16B", (40, 30), values.tobytes())))
    np.testing.assert_array_equal(pixels[..., 0], noise[..., 0])


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_float_grey(save, white):
    values = np.linspace(0, white, 50, dtype=np.float32)[None]
    pixels = opened(save("float.tif", Image.fromarray(values)))
    assert np.abs(pixels[0, :, 0] - np.linspace(0, 255, 50)).max() <= 0.51


@pytest.mark.parametrize("bad", [-1.0, 70000.0, np.nan])
def test_grey_values_of_unknown_scale_are_refused(save, bad):
    path = save("float.tif", Image.fromarray(np.array([[0.5, bad]], np.float32)))
    with pytest.raises(UserError, match="gray values from"):
        open_image(path)


def test_cmyk_jpeg_is_not_inverted(save):
    for color, name in ((200, 30, 30), "red.jpg"), ((240, 240, 240), "light.jpg"):
        path = save(name, Image.new("RGB", (16, 16), color).convert("CMYK"), quality=95)
        with Image.open(path) as stored:
            assert stored.mode == "CMYK"
        assert np.abs(opened(path).astype(int) - color).max() <= 4


@pytest.mark.parametrize(("name", "options"), [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {})])
def test_of_an_animation_the_first_frame(save, name, options):
    frames = [Image.new("RGB", (20, 10), "blue"), Image.new("RGB", (20, 10), "lime")]
    path = save(name, Image.new("RGB", (20, 10), "red"), save_all=True, append_images=frames, **options)
    with Image.open(path) as stored:
        assert stored.n_frames == 3
    assert np.abs(opened(path).astype(int) - (255, 0, 0)).max() <= 2


def swapped_profile() -> bytes:
    """An ICC profile of sRGB whose red and green primaries are each other's, so that red is shown as green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {
        bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    }
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    places = [slice(at + 4, at + 12) for at in (red, green)]
    profile[places[0]], profile[places[1]] = profile[places[1]], profile[places[0]]
    utf16 = "sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")
    return bytes(profile).replace(*utf16).replace(b"sRGB", b"swap")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_are_those_of_the_icc_profile(save, mode):
    image = Image.new(mode, (20, 20), "red")
    found = open_image(save("p.png", image, icc_profile=swapped_profile()))
    assert found.getpixel((3, 3)) == pytest.approx((0, 255, 0), abs=8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile", None):
        assert open_image(save("p.png", image, icc_profile=profile)).getpixel((3, 3)) == (255, 0, 0)
