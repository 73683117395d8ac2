from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.data.captions import caption_of, prompt_for
from sd_finetune.errors import UserError


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("a red car.png", "a red car"),
        ("0012-a red car.png", "a red car"),
        ("00012-0-photo, dog.jpg", "photo, dog"),
        ("01_red.png", "red"),
        ("7 dogs 8.webp", "dogs 8"),
        ("001.png", ""),
        ("2024-05-01.png", ""),
        ("a.b.c.png", "a.b.c"),
        ("long_hair.png", "long_hair"),
    ],
)
def test_file_name(tmp_path, name, caption):
    assert caption_of(tmp_path / name) == caption


def test_the_text_beside_the_image_wins(tmp_path):
    (tmp_path / "dog.txt").write_text("  a corgi,\n on  grass \n", encoding="utf-8")
    assert caption_of(tmp_path / "dog.png") == "a corgi, on grass"
    (tmp_path / "dog.txt").write_text("")
    assert caption_of(tmp_path / "dog.png") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    (tmp_path / "dog.txt").write_text("ein Hündchen, 子犬", encoding=encoding)
    assert caption_of(tmp_path / "dog.png") == "ein Hündchen, 子犬"


def test_text_that_is_not_unicode(tmp_path):
    (tmp_path / "dog.txt").write_bytes("ein Hündchen".encode("latin-1"))
    with pytest.raises(UserError, match=r"dog\.txt is not UTF-8 text: save"):
        caption_of(tmp_path / "dog.png")


@pytest.mark.parametrize(
    ("template", "name", "prompt"),
    [
        ("a photo of sks dog", "on grass.png", "a photo of sks dog"),
        ("[filewords]", "on grass.png", "on grass"),
        ("sks dog, [filewords], photo", "on grass.png", "sks dog, on grass, photo"),
        ("[filewords] and [filewords]", "me.png", "me and me"),
        ("sks dog, [filewords]", "001.png", "sks dog"),
        ("sks dog, [filewords], photo", "001.png", "sks dog, photo"),
        ("[filewords], photo", "001.png", "photo"),
        ("sks dog [filewords]", "001.png", "sks dog"),
        ("[filewords]", "001.png", ""),
        ("(sks: 1.2), x ,", "001.png", "(sks: 1.2), x ,"),
    ],
)
def test_prompts(template, name, prompt):
    assert prompt_for(template, Path(name)) == prompt
