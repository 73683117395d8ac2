"""A folder with five images that can be trained, each odd in its own way, among two hundred files that cannot."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ENDINGS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF"}
CUTS = (2, 20, 40, 55, 70)
"""Percent of a file that are left."""
OTHER_CONTENT = {
    "words": b"this is a text file named like an image",
    "page": b"<!doctype html><html><script>alert(1)</script></html>",
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "document": b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\n",
    "archive": b"PK\x03\x04" + bytes(100),
    "pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
    "program": b"\x7fELF" + bytes(100),
    "zeros": bytes(100_000),
    "sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
    "tensors": b"\x08\0\0\0\0\0\0\0{}      ",
    "beginning of tiff": b"II*\0\x08\0\0\0\xff\xff",
}
OTHER_ENDINGS = (
    "svg", "mp4", "mov", "avi", "mkv", "webm", "heic", "heif", "jxl", "psd", "cr2", "nef", "arw", "dng", "raw", "tga",
    "eps", "ico", "jp2", "ppm", "pcx", "dds", "xcf", "mpo", "exr", "avif",
)  # fmt: skip
NAMES = ("new\nline.png", "<img src=x onerror=alert(1)>.png", "quote'\".jpg", "-rf.png", "子犬.png", "%2e%2e.png",
         "a" * 200 + ".png", " .png", "$(id).jpg", "; rm.png", "C\\x.png", "CON.png")  # fmt: skip


def pixels(seed: int = 0, side: int = 96) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or pixels()).save(buffer, format=kind, **options)
    return buffer.getvalue()


def make_good(folder: Path) -> list[Path]:
    """Five images: CMYK, 16-bit, a palette with transparency, animated, and with broken EXIF and ICC data."""
    folder.mkdir(parents=True, exist_ok=True)
    deep = Image.fromarray(np.random.default_rng(1).integers(0, 65536, (96, 96), dtype=np.uint16))
    palette = pixels(2).quantize(8)
    palette.info["transparency"] = 3
    files = {
        "animated.gif": encoded("GIF", pixels(3), save_all=True, append_images=[pixels(4), pixels(5)]),
        "broken exif and icc.jpg": encoded("JPEG", pixels(6), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff", icc_profile=b"no"),
        "cmyk.jpg": encoded("JPEG", pixels(7).convert("CMYK")),
        "palette.png": encoded("PNG", palette),
        "sixteen bit.png": encoded("PNG", deep),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return sorted(folder / name for name in files)


@contextmanager
def make_nasty(folder: Path) -> Iterator[list[Path]]:
    """All that cannot be trained, and nothing else is in it; sockets listen as long as the block runs."""
    made: list[Path] = []

    def write(name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        made.append(folder / name)

    for name, content in {**_damaged(), **_of_another_kind(), **_of_useless_size(), **_with_odd_names()}.items():
        write(name, content)
    _previews(write)
    if sys.platform != "win32":
        made += [*_links(folder), *_pipes_and_devices(folder)]
        with _sockets(folder) as sockets:
            yield [*made, *sockets]
    else:
        yield made


def _damaged() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for ending, kind in ENDINGS.items():
        whole = encoded(kind)
        files |= {f"cut {percent}.{ending}": whole[: len(whole) * percent // 100] for percent in CUTS}
        files[f"empty.{ending}"] = b""
        files[f"no beginning.{ending}"] = bytes(64) + whole[64:]
        files |= {f"{name}.{ending}": content for name, content in OTHER_CONTENT.items()}
    png = encoded("PNG")
    files["wrong checksum.png"] = png[:40] + bytes([png[40] ^ 255]) + png[41:]
    files["text of 40 MB.png"] = encoded("PNG", pnginfo=_long_text())
    files["icc of 40 MB.png"] = _chunk_after_header(png, b"iCCP", b"x\0\0" + zlib.compress(bytes(40_000_000), 9))
    files["not a number.tif"] = encoded("TIFF", Image.new("F", (96, 96), float("nan")))
    files["negative.tif"] = encoded("TIFF", Image.new("F", (96, 96), -5.0))
    return files


def _of_another_kind() -> dict[str, bytes]:
    files = {f"other.{ending}": b"whatever it is, it is long enough" for ending in OTHER_ENDINGS}
    files |= {f"misnamed{ending}": encoded("JPEG") for ending in (".dat", ".jpg_large", ".tmp", ".txt")}
    return files


def _of_useless_size() -> dict[str, bytes]:
    sizes = [(1, 1), (65_000, 1), (1, 65_000), (20_000, 10), (15, 15), (15, 40), (16, 200), (2000, 100)]
    files = {f"{width} x {height}.png": encoded("PNG", Image.new("L", (width, height))) for width, height in sizes}
    files |= {f"bomb {side}.png": _png_bomb(side) for side in (20_000, 30_000, 1_000_000)}
    files["bomb.bmp"] = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 40_000, 40_000, 1, 24, *[0] * 6)
    files["bomb.gif"] = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"\x2c" + bytes(20)
    return files


def _with_odd_names() -> dict[str, bytes]:
    names = [name for name in NAMES if sys.platform != "win32" or name.replace(".", "").replace(" ", "").isalnum()]
    files = dict.fromkeys(names, b"no image")
    if sys.platform not in ("win32", "darwin"):  # these must not be trained, though they are good
        files |= {os.fsdecode(b"f\xfcr%d.png" % number): encoded("PNG", pixels(number)) for number in range(5)}
    return files


def _previews(write: Any) -> None:
    for number in range(3):
        write(f"dog-{number}.preview.png", encoded("PNG", pixels(number)))


def _links(folder: Path) -> list[Path]:
    targets = {
        "nothing.png": "gone.png", "nothing.jpg": "/nowhere/gone.jpg", "nothing.webp": "gone/gone.webp",
        "itself.png": "itself.png", "to and.png": "fro.png", "fro.png": "to and.png",
        "here": ".", "above": "..", "root": "/", "system": "/proc/self", "above.png": "..",
    }  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    return [folder / name for name in targets]


def _pipes_and_devices(folder: Path) -> list[Path]:
    pipes = [folder / f"pipe{ending}" for ending in (".png", ".jpg", ".txt", "", ".webp", ".safetensors")]
    for pipe in pipes:
        os.mkfifo(pipe)
    devices: list[Path] = []
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        if Path("/dev", name).exists():
            devices.append(folder / f"{name}.png")
            devices[-1].symlink_to(f"/dev/{name}")
    with contextlib.suppress(OSError):  # only root may, and not everywhere
        os.mknod(folder / "device.png", 0o600 | 0o020000, os.makedev(1, 5))
        devices.append(folder / "device.png")
    return [*pipes, *devices]


@contextmanager
def _sockets(folder: Path) -> Iterator[list[Path]]:
    with contextlib.ExitStack() as opened:
        sockets = [folder / f"socket{ending}" for ending in (".png", ".jpg", "")]
        here = os.open(".", os.O_RDONLY)
        opened.callback(os.close, here)
        opened.callback(os.fchdir, here)
        os.chdir(folder)  # the path of a socket may have a hundred bytes
        for each in sockets:
            opened.enter_context(socket.socket(socket.AF_UNIX)).bind(each.name)
        os.fchdir(here)
        yield sockets


def _long_text() -> PngInfo:
    text = PngInfo()
    text.add_text("workflow", "x" * 40_000_000, zip=True)
    return text


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunk_after_header(png: bytes, kind: bytes, data: bytes) -> bytes:
    return png[:33] + _chunk(kind, data) + png[33:]


def _png_bomb(side: int) -> bytes:
    """A few hundred bytes that claim side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(30_000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
