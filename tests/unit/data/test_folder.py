"""What lies in a folder of images besides images, and what of it runs have made themselves."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sd_finetune.data.folder import image_called, list_folder
from sd_finetune.data.images import LEAST_SIDE, MOST_PROPORTION, look_at
from sd_finetune.data.usable import Look, usable_images
from sd_finetune.errors import UserError
from sd_finetune.readable import is_unicode

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor sockets in folders")


def skipped(folder: Path) -> dict[str, str]:
    """What is left out by the name in the folder, and why."""
    return {each.path.relative_to(folder).as_posix(): each.why for each in list_folder(folder).skipped}


# --- what runs have made


def run_folder(place: Path, save: Callable[..., Path]) -> None:
    (place / "samples").mkdir(parents=True)
    for name in ("settings.json", "base.json", "events.jsonl"):
        (place / name).write_text("{}")
    save(str(place / "samples/step-000000-00.png"))


def class_images(place: Path, save: Callable[..., Path]) -> None:
    save(str(place / "00000.png"))
    (place / "class-images.json").write_text("{}")


def generated(place: Path, save: Callable[..., Path]) -> None:
    save(str(place / "a-star-0.png"))
    (place / "request.json").write_text("{}")
    (place / "worker.log").touch()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (run_folder, "a run folder"),
        (class_images, "a folder of generated class images"),
        (generated, "a folder of generated images"),
    ],
)
def test_what_runs_have_made_is_not_trained(tmp_path, save, monkeypatch, make, what):
    """Wherever it lies: inside the folder, above it, behind a link; and with the folder `.`."""
    own = save("own.png")
    make(tmp_path / "deep/made", save)
    assert list_folder(tmp_path).images == [own]
    assert skipped(tmp_path) == {"deep/made": f"is {what}, and a run's own images are not trained"}
    for inside in (tmp_path / "deep/made", *(tmp_path / "deep/made").glob("samples")):
        with pytest.raises(UserError, match=f"is in {what}, .*made, and a run's own images are not trained: copy"):
            list_folder(inside)
    (tmp_path / "link").symlink_to(tmp_path / "deep/made", target_is_directory=True)
    with pytest.raises(UserError, match=f"is in {what}"):
        list_folder(tmp_path / "link")
    image = next((tmp_path / "deep/made").rglob("*.png"))
    (tmp_path / "link.png").symlink_to(image)
    assert list_folder(tmp_path).images == [own]
    assert f"is a link to an image in {what}" in skipped(tmp_path)["link.png"]
    assert image_called(tmp_path, image.relative_to(tmp_path).as_posix()) is None
    monkeypatch.chdir(tmp_path)
    assert list_folder(".").images == [Path("own.png")]


def test_generated_class_images_may_be_class_images(tmp_path, save):
    class_images(tmp_path / "cache/key", save)
    image = tmp_path / "cache/key/00000.png"
    for folder in (tmp_path / "cache", tmp_path / "cache/key"):
        assert list_folder(folder, "class").images == [image]
        assert image_called(folder, image.relative_to(folder).as_posix(), "class") == image
    run_folder(tmp_path / "cache/run-001", save)
    assert list_folder(tmp_path / "cache", "class").images == [image]


def test_previews_of_results_and_what_is_unfinished(tmp_path, save):
    own = save("own.png")
    save("dog.preview.png")
    save(".own.png.1a2b3c4d.unfinished", format="PNG")
    run_folder(tmp_path / ".toy.1a2b3c4d.unfinished", save)
    save("._own.png")
    assert list_folder(tmp_path).images == [own]
    told = skipped(tmp_path)
    assert "is the preview of a result" in told["dog.preview.png"]
    assert told["._own.png"] == f"is hidden, like 2 others in {tmp_path}: rename it to train it"
    with pytest.raises(UserError, match="an unfinished run folder"):
        list_folder(tmp_path / ".toy.1a2b3c4d.unfinished/samples")


def test_class_images_in_the_folder_are_left_out_and_named(tmp_path, save):
    own = save("own.png")
    save("class/any.png")
    folders = [str(tmp_path / "class"), str(tmp_path), "/elsewhere", ""]
    found = usable_images(tmp_path, without=dict.fromkeys(folders, "holds class images"))
    assert found.images == [own]
    assert found.warnings() == [f"Skipped: {tmp_path / 'class'} holds class images."]


# --- what is not an image


@ON_POSIX
def test_nothing_but_plain_files_is_opened(tmp_path, save):
    own = save("own.png")
    for name in ("pipe.png", "pipe"):
        os.mkfifo(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.jpg"))
        (tmp_path / "null.png").symlink_to("/dev/null")
        (tmp_path / "zero.jpg").symlink_to("/dev/zero")
        (tmp_path / "itself.png").symlink_to(tmp_path / "itself.png")
        (tmp_path / "nothing.png").symlink_to(tmp_path / "gone.png")
        (tmp_path / "again").symlink_to(tmp_path)
        started = time.monotonic()
        assert list_folder(tmp_path).images == [own]
        told = skipped(tmp_path)
        assert "not a plain file" in look_at(tmp_path / "pipe.png").why
        assert "not a plain file" in look_at(tmp_path / "zero.jpg").why
        assert time.monotonic() - started < 5
    kinds = {"pipe.png": "a named pipe", "pipe": "a named pipe", "s.jpg": "a socket", "null.png": "a device",
             "zero.jpg": "a device"}  # fmt: skip
    assert {name: told[name] for name in kinds} == {name: f"is {kind} and no file" for name, kind in kinds.items()}
    assert "is a link to nothing" in told["nothing.png"]
    assert "is a link to nothing" in told["itself.png"]
    assert "is a link to a folder" in told["again"]


def test_other_formats_are_named_and_notes_are_not(tmp_path, save):
    own, by_content = save("own.png"), save("k.jpg").rename(tmp_path / "k")
    for name in ("a.svg", "b.mp4", "c.HEIC", "d.psd", "e.tga", "f.txt", "g.json", "h.safetensors", "i"):
        (tmp_path / name).write_bytes(b"whatever it is, it has more than a few bytes")
    own.with_name("j.dat").write_bytes(own.read_bytes())
    found = usable_images(tmp_path)
    assert found.images == [by_content, own]
    assert image_called(tmp_path, "k") == by_content
    assert image_called(tmp_path, "i") is None
    told = {each.path.name: each.why for each in found.skipped}
    assert set(told) == {"a.svg", "b.mp4", "c.HEIC", "d.psd", "e.tga", "j.dat"}
    assert "is a video" in told["b.mp4"]
    assert "not by its ending" in told["j.dat"]


def test_captions_that_no_image_has_are_told(tmp_path, save):
    for name in ("1.png", "2.png", "deep/3.png"):
        save(name)
    (tmp_path / "readme.txt").touch()
    assert skipped(tmp_path) == {}, "a note"
    (tmp_path / "1.txt").touch()
    (tmp_path / "deep/4.caption").touch()
    told = skipped(tmp_path)
    assert told == {
        "deep/4.caption": "is not a caption, as there is no image 4 beside it, like 1 other: give it the name of its "
        "image if it is to be one"
    }
    assert list_folder(tmp_path, "class").skipped == []
    (tmp_path / "2.png.txt").touch()
    (tmp_path / "deep/3.txt").touch()
    assert skipped(tmp_path) == {}, "every image has one"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="1.TXT is 1.txt there")
def test_captions_with_an_ending_in_capitals_are_told(tmp_path, save):
    save("1.png")
    (tmp_path / "1.TXT").touch()
    assert skipped(tmp_path) == {
        "1.TXT": "is not a caption, as its ending is not .txt: write the ending in small letters"
    }


def test_a_project_in_the_folder_is_left_out(tmp_path, save):
    own, upload = save("own.png"), save("models/dog/pictures/concept-1/1.png")
    (tmp_path / "models/dog/model.json").touch()
    assert list_folder(tmp_path).images == [own]
    assert "is a project, whose images are those of its own concepts" in skipped(tmp_path)["models/dog"]
    assert list_folder(upload.parent).images == [upload]


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path, save):
    file = save("own.png")
    with pytest.raises(UserError, match=r"own\.png is a file: choose an existing folder of images"):
        list_folder(file)


@ON_POSIX
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_name_that_is_no_text(tmp_path, save):
    own = save("own.png")
    name = os.fsdecode(b"f\xfc\xdfe.png")
    own.with_name(name).write_bytes(own.read_bytes())
    folder = tmp_path / os.fsdecode(b"\xe4rger")
    folder.mkdir()
    (folder / "1.png").write_bytes(own.read_bytes())
    found = usable_images(tmp_path)
    assert found.images == [own]
    assert len(found.skipped) == 2
    assert all("has a name that is not UTF-8" in each.why for each in found.skipped)
    assert all(is_unicode(sentence) for sentence in found.warnings())


# --- sizes that teach nothing


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((1, 1), f"it has 1 x 1 pixels, and each side needs at least {LEAST_SIDE}"),
        ((65_000, 1), "it has 65,000 x 1 pixels"),
        ((20_000, 20), f"the longer side may be {MOST_PROPORTION} times the shorter one"),
        ((20, 20_000), f"the longer side may be {MOST_PROPORTION} times the shorter one"),
    ],
)
def test_sizes_that_teach_nothing(tmp_path, save, size, words):
    save("odd.png", Image.new("L", size))
    own = save("own.png", Image.new("RGB", (LEAST_SIDE, LEAST_SIDE * MOST_PROPORTION)))
    found = usable_images(tmp_path)
    assert found.images == [own]
    assert words in found.skipped[0].why
    assert found.sizes == {own: (LEAST_SIDE, LEAST_SIDE * MOST_PROPORTION)}


# --- many files


def test_what_was_read_is_not_read_again(tmp_path, save, monkeypatch):
    first, second = save("1.png"), save("2.png")
    assert usable_images(tmp_path, look=Look(seconds=0)).unchecked == 2
    assert usable_images(tmp_path).unchecked == 0
    assert usable_images(tmp_path, look=Look(seconds=0)).unchecked == 0
    first.write_bytes(b"another content")
    found = usable_images(tmp_path, look=Look(seconds=0))
    assert (found.images, found.unchecked) == ([first, second], 1)
    assert usable_images(tmp_path).images == [second]


def test_half_a_disk_is_refused(tmp_path, save, monkeypatch):
    save("1.png")
    save("sub/2.png")
    monkeypatch.setattr("sd_finetune.data.folder.MOST_FILES", 2)
    with pytest.raises(UserError, match="has more than 2 files"):
        list_folder(tmp_path)


def test_hundreds_of_warnings_are_summed_up(tmp_path):
    for number in range(305):
        (tmp_path / f"{number}.png").write_bytes(b"")
    told = usable_images(tmp_path).warnings()
    assert len(told) == 301
    assert told[-1] == "Skipped: 5 more files, for reasons like these."


@pytest.mark.parametrize(
    "name", ["../own.png", "/own.png", ".", "", "sub/../own.png", "./own.png", "\0", "own.png/", "gone.png"]
)
def test_a_name_leads_nowhere_else(tmp_path, save, name):
    save("own.png")
    (tmp_path / "sub").mkdir()
    assert image_called(tmp_path, name) is None
    assert image_called(tmp_path / "sub", name) is None
    assert image_called(tmp_path, "own.png") == tmp_path / "own.png"


# --- what the user excludes


def test_excluded_images_stay_where_they_are_and_are_left_out(tmp_path, save):
    first, second, deep = save("1.png"), save("2.png"), save("garden/1.png")
    (tmp_path / "3.png").write_text("no image")
    found = usable_images(tmp_path, exclude=["2.png", " garden\\1.png ", "", "3.png"])
    assert (found.images, found.excluded) == ([first], [second, tmp_path / "3.png", deep])
    assert found.warnings() == []
    assert usable_images(tmp_path).images == [first, second, deep]


@pytest.mark.parametrize("name", ["gone.png", "../1.png", "/1.png", "garden", "a\0b"])
def test_an_excluded_name_that_is_not_there_is_told(tmp_path, save, name):
    save("1.png")
    save("garden/2.png")
    found = usable_images(tmp_path, exclude=["1.png", name])
    (sentence,) = found.warnings()
    assert "is among the excluded images and is not there: correct the name" in sentence
    assert [image.name for image in found.images] == ["2.png"]
