"""Embeddings in the images that the WebUI's Train tab saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sd_finetune.errors import UserError
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.formats.classify import refuse_unless
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.identify import identify
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
