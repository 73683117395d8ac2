"""Captions are written where they count, never over somebody else's, and read as they were written."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from sd_finetune.data.caption_writing import own_text, write_caption
from sd_finetune.data.captions import CaptionReader
from sd_finetune.errors import CannotWriteError, UserError
from sd_finetune.settings.options import Captions


@pytest.fixture
def reader(tmp_path):
    for name in ("1.png", "2.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    return CaptionReader([str(tmp_path)], Captions())


TEXTS = (".txt", ".caption", ".jsonl")


def written(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in TEXTS}


def test_a_new_caption_is_a_text_beside_the_image_and_an_empty_one_is_none(tmp_path, reader):
    image = tmp_path / "1.png"
    assert write_caption(image, "  ein  Hündchen\r\n\n im Gras, 子犬 ", reader) is None
    assert (tmp_path / "1.txt").read_bytes() == "ein Hündchen\nim Gras, 子犬\n".encode()
    assert own_text(reader.of(image)) == "ein Hündchen\nim Gras, 子犬"
    assert write_caption(image, " \n", reader) is None
    assert written(tmp_path) == {}


@pytest.mark.parametrize("name", ["1.caption", "1.png.txt", "1.png.caption"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_file_that_counts_is_written_in_utf_8(tmp_path, reader, name, encoding):
    (tmp_path / name).write_text("ein Hündchen", encoding=encoding)
    assert write_caption(tmp_path / "1.png", "ein süßes Hündchen", reader, was="ein Hündchen") is None
    assert written(tmp_path) == {name: "ein süßes Hündchen\n"}


def test_what_somebody_else_has_written_since_stays(tmp_path, reader):
    image, file = tmp_path / "1.png", tmp_path / "1.txt"
    file.write_text("theirs\n")
    assert write_caption(image, "mine", reader, was="") == "theirs"
    file.unlink()
    assert write_caption(image, "mine", reader, was="theirs") == ""
    assert written(tmp_path) == {}
    file.write_bytes(b"the  same\r\nas\r\n\r\n")
    assert write_caption(image, "mine", reader, was="the same\nas") is None
    assert write_caption(image, "mine", reader, was="another") is None, "it stands there already"
    assert write_caption(image, "whatever stands there", reader) is None
    assert written(tmp_path) == {"1.txt": "whatever stands there\n"}


def test_a_caption_that_stands_as_it_is_to_be_is_not_touched(tmp_path, reader):
    file = tmp_path / "1.txt"
    file.write_text("a dog")
    os.utime(file, (1, 1))
    assert write_caption(tmp_path / "1.png", "a dog", reader, was="a dog") is None
    assert file.stat().st_mtime == 1


def test_captions_of_another_program_are_not_changed_but_the_text_wins(tmp_path, reader):
    image, lines = tmp_path / "1.png", tmp_path / "metadata.jsonl"
    lines.write_text("".join(json.dumps({"file_name": f"{n}.png", "text": f"dog {n}"}) + "\n" for n in (1, 2)))
    before = lines.read_text()
    assert write_caption(image, "a puppy", reader, was="dog 1") is None
    assert write_caption(tmp_path / "2.png", "", reader, was="dog 2") is None
    assert written(tmp_path) == {"metadata.jsonl": before, "1.txt": "a puppy\n", "2.txt": ""}
    assert [own_text(reader.of(tmp_path / name)) for name in ("1.png", "2.png")] == ["a puppy", ""]


@pytest.mark.parametrize("other", ["1.jpg", "1.JPG", "1.webp"])
def test_a_file_that_another_image_has_too_is_left_to_it(tmp_path, reader, other):
    Image.new("RGB", (40, 30)).save(tmp_path / other)
    (tmp_path / "1.txt").write_text("both")
    assert write_caption(tmp_path / "1.png", "mine", reader, was="both") is None
    assert written(tmp_path) == {"1.txt": "both", "1.png.txt": "mine\n"}
    assert write_caption(tmp_path / "1.png", "", reader, was="mine") is None
    assert [own_text(reader.of(tmp_path / name)) for name in ("1.png", other)] == ["", "both"]


def test_what_is_no_caption_or_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, reader):
    image = tmp_path / "1.png"
    for text in ("a\0b", "a" * 70_000, "\ud800"):
        with pytest.raises(UserError, match="caption"):
            write_caption(image, text, reader)
    (tmp_path / "1.txt").write_bytes(b"\0\1\2 no text")
    with pytest.raises(UserError, match="is not text"):
        write_caption(image, "mine", reader, was="")
    (tmp_path / "1.txt").unlink()
    (tmp_path / "2.txt").mkdir()
    with pytest.raises(CannotWriteError, match="2"):
        write_caption(tmp_path / "2.png", "mine", reader, was="")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "2.png", "2.txt"]
