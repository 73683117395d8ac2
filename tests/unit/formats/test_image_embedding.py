"""Embeddings in the images that the WebUI's Train tab saves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from sd_finetune.errors import UserError
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.formats.classify import refuse_unless
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.identify import identify
from sd_finetune.formats.image_file import image_kind
from tests.embedding_images import save_image_with, word_in_json

VECTORS = torch.randn(3, 768, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("where", "border"), [("text", 0), ("pixels", 0), ("pixels", 5)])
def test_it_is_read_wherever_an_embedding_is(tmp_path: Path, where: str, border: int) -> None:
    path = tmp_path / "preview.png"
    save_image_with(path, word_in_json(VECTORS), where, border)
    found = read_embedding(path)
    assert torch.equal(found.vectors["*"], VECTORS)
    assert (found.name, found.step, found.is_image) == ("zib-7", 40, True)
    about = identify(path)
    assert (about.kind, about.base) == ("embedding", "sd1")
    assert (about.details["vectors"], about.details["name"]) == ("3 of 768", "zib-7")
    refuse_unless(path, "embedding", SD1)
    with pytest.raises(UserError, match=r"is a textual inversion embedding for .*: choose a LoRA"):
        refuse_unless(path, "lora", SD1)


def test_a_lossless_webp_has_what_the_png_had(tmp_path: Path) -> None:
    """In its pixels, with the larger header that metadata bring too."""
    for name, options in (("plain.webp", {}), ("large.webp", {"xmp": b"<x/>", "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"})):
        path = tmp_path / name
        save_image_with(path, word_in_json(VECTORS), "pixels", lossless=True, **options)
        found = read_embedding(path)
        assert torch.equal(found.vectors["*"], VECTORS)
        assert (found.name, found.is_image) == ("zib-7", True)
        assert identify(path).kind == "embedding"


@pytest.mark.parametrize("options", [{"quality": 100}, {"quality": 80, "xmp": b"<x/>"}])
def test_a_lossy_webp_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "x.webp"
    save_image_with(path, word_in_json(VECTORS), "pixels", **options)
    with pytest.raises(UserError, match=r"x\.webp is a lossy WebP, in which no embedding lasts: choose the PNG"):
        read_embedding(path)


def test_animations_and_other_files_of_riff(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    for lossless, words in ((True, "is an image without an embedding"), (False, "is a lossy WebP")):
        frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=lossless)
        with pytest.raises(UserError, match=words):
            read_embedding(tmp_path / "x.webp")
    (tmp_path / "x.webp").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    with pytest.raises(UserError, match="is an image: choose a model file"):
        read_embedding(tmp_path / "x.webp")


STARTS = {
    "avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf",
    "jxl": b"\xff\x0a\x7a\x7c\x28\x2e\x01\x40\xe4\x7f",
    "boxed.jxl": b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ",
}


@pytest.mark.parametrize("ending", STARTS)
def test_what_pillow_cannot_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path, kind = tmp_path / f"x.{ending}", ending[-4:].strip(".").upper()
    path.write_bytes(STARTS[ending] * 3)
    Image.init()
    for known in ("AVIF", "JXL"):
        monkeypatch.delitem(Image.OPEN, known, raising=False)
    monkeypatch.setitem(sys.modules, "pillow_avif", None)
    with pytest.raises(UserError, match=rf"is a {kind} image, which Pillow .* cannot open without pillow_\w+: save it"):
        read_embedding(path)


@pytest.mark.skipif(".avif" not in Image.registered_extensions(), reason="This Pillow opens no AVIF")
def test_an_avif_without_one_is_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "x.avif")
    with pytest.raises(UserError, match="is an image without an embedding in it"):
        read_embedding(tmp_path / "x.avif")


def test_a_model_may_begin_like_an_image(tmp_path: Path) -> None:
    """The length of a .safetensors' header comes first, and may be any bytes."""
    path = tmp_path / "x.safetensors"
    save_file({"emb_params": torch.ones(2, 768)}, path, {"x": "y" * 3000})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].ljust(0x100AFF)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert path.read_bytes().startswith(b"\xff\x0a")
    assert image_kind(path) == ""
    assert read_embedding(path).count == 2


def test_images_without_one_and_damaged_ones_get_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    for picture in (Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white"), Image.new("L", (8, 8), 3)):
        picture.save(path)
        with pytest.raises(UserError, match=r"x\.png is an image without an embedding in it: choose a model file"):
            read_embedding(path)
    striped = Image.new("RGB", (64, 64), "red")
    striped.putdata([(0, 0, 0) if n % 64 in (20, 40) else (200, 90, 90) for n in range(64 * 64)])
    striped.save(path)
    with pytest.raises(UserError, match="without an embedding"):
        read_embedding(path)
    save_image_with(path, word_in_json(VECTORS), "pixels")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UserError, match=r"x\.png is incomplete or damaged"):
        read_embedding(path)


@pytest.mark.parametrize(
    "content",
    [
        {}, [], {"string_to_param": {"*": {"TORCHTENSOR": [[1], [1, 2]]}}}, {"string_to_param": {"*": [1.0]}},
        {"string_to_param": {"*": {"TORCHTENSOR": "x"}}}, {"string_to_param": {"*": {"TORCHTENSOR": [[float("nan")]]}}},
        word_in_json(torch.ones(0, 3)), {"string_to_param": {"a": {"TORCHTENSOR": [1]}, "b": {"TORCHTENSOR": [1]}}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["text", "pixels"])
def test_what_is_no_embedding_is_refused(tmp_path: Path, content: Any, where: str) -> None:
    save_image_with(tmp_path / "x.png", content, where)
    with pytest.raises(UserError, match=r"x\.png (is incomplete or damaged|is not an embedding|has NaN)"):
        read_embedding(tmp_path / "x.png")
