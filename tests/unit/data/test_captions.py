"""Captions wherever people keep them, in the encodings of their editors."""

from __future__ import annotations

import json
import locale
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sd_finetune.data.caption_warnings import caption_warnings, shared_captions, unused_captions
from sd_finetune.data.captions import Caption, CaptionReader, caption_file, prompt_for
from sd_finetune.data.concepts import instance_examples
from sd_finetune.data.metadata_lines import read_metadata_lines
from sd_finetune.data.prompt_building import plain_caption
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Captions, Concept


def caption_of(image: Path, folder: Path | None = None, default: str = "", **options: bool) -> str:
    return CaptionReader([str(folder or image.parent)], Captions(**options), default).of(image).line


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
    assert caption_of(tmp_path / name, default="sks dog") == "sks dog"


def test_the_text_beside_the_image_wins(tmp_path):
    (tmp_path / "dog.txt").write_text("  a corgi,\n on  grass \n", encoding="utf-8")
    assert caption_of(tmp_path / "dog.png", default="sks dog") == "a corgi, on grass"
    (tmp_path / "dog.txt").write_text("")
    assert caption_of(tmp_path / "dog.png") == ""


def test_the_nearest_file_of_several_counts_and_the_other_is_told(tmp_path):
    """Of those that other programs write: each of them is read where it is the only one."""
    image = tmp_path / "a.b.png"
    for name in ("a.b.caption", "a.b.txt", "a.b.png.caption", "a.b.png.txt"):
        (tmp_path / name).write_text(f"from {name}")
        assert caption_of(image) == f"from {name}"
        assert caption_file(image) == tmp_path / name
    captions = {image: CaptionReader([str(tmp_path)], Captions()).of(image)}
    (sentence,) = caption_warnings("Concept 1", captions)
    assert sentence == f"Concept 1: a.b.png has several captions, {tmp_path / 'a.b.png.txt'} is used and " + (
        "a.b.png.caption is not."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode(tmp_path, encoding):
    (tmp_path / "dog.txt").write_text("ein Hündchen im hohen Gras, 子犬", encoding=encoding)
    caption = CaptionReader([str(tmp_path)], Captions()).of(tmp_path / "dog.png")
    assert (caption.line, caption.guessed) == ("ein Hündchen im hohen Gras, 子犬", "")


@pytest.mark.parametrize(
    ("system", "written", "read"),
    [("UTF-8", "cp1252", "cp1252"), ("ANSI_X3.4-1968", "cp1252", "cp1252"), ("cp1251", "cp1251", "cp1251")],
)
def test_other_encodings_are_guessed_and_the_files_named(tmp_path, monkeypatch, system, written, read):
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _: system)
    text = "щенок" if written == "cp1251" else "ein Hündchen – süß"
    images = [tmp_path / f"{number}.png" for number in range(5)]
    for image in images:
        image.with_suffix(".txt").write_bytes(text.encode(written))
    reader = CaptionReader([str(tmp_path)], Captions())
    captions = {image: reader.of(image) for image in images}
    assert {caption.line for caption in captions.values()} == {text}
    (sentence,) = caption_warnings("Concept 1", captions)
    names = ", ".join(str(tmp_path / f"{number}.txt") for number in range(3))
    assert (
        sentence
        == f"Concept 1: 5 captions ({names} and 2 more) are not UTF-8, and read as {read}: if letters are "
        + ("wrong, save them as UTF-8.")
    )


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF", b"a\0b"])
def test_what_is_no_text(tmp_path, content):
    (tmp_path / "dog.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"dog\.txt is not text: save the caption as UTF-8"):
        caption_of(tmp_path / "dog.png")


def write_lines(file: Path, *entries: object) -> Path:
    file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    return file


def test_metadata_lines_of_diffusers_and_kohya(tmp_path):
    deep = tmp_path / "deep/er"
    deep.mkdir(parents=True)
    write_lines(
        tmp_path / "metadata.jsonl",
        {"file_name": "1.png", "text": "a corgi"},
        {"file_name": "deep/er/1.png", "text": "a far corgi", "other": 3},
        {"image_path": "C:\\elsewhere\\2.png", "caption": "a cat", "tags": "1cat, grass", "image_size": [1, 2]},
        {"image_path": str(tmp_path / "3.png"), "tags": "sky"},
        {"image_path": "/a/4.png", "caption": "one"},
        {"image_path": "/b/4.png", "caption": "another"},
        {"file_name": "5.png", "text": ["one", "two"]},
        {"file_name": "6.png"},
    )
    expected = {
        "1.png": "a corgi",
        "deep/er/1.png": "a far corgi",
        "2.png": "a cat, 1cat, grass",
        "3.png": "sky",
        "4.png": "by default",
        "5.png": "one two",
        "6.png": "by default",
        "7.png": "by default",
    }
    assert {name: caption_of(tmp_path / name, tmp_path, "by default") for name in expected} == expected
    assert caption_of(deep / "1.png", deep, "by default") == "by default"  # nothing above the folder counts
    write_lines(deep / "metadata.jsonl", {"file_name": "1.png", "text": "nearer"})
    assert caption_of(deep / "1.png", tmp_path) == "nearer"
    (deep / "1.txt").write_text("nearest")
    assert caption_of(deep / "1.png", tmp_path) == "nearest"


def test_what_is_no_text_in_metadata_lines_is_no_caption(tmp_path):
    write_lines(
        tmp_path / "metadata.jsonl",
        {"file_name": "1.png", "text": 5},
        {"file_name": "2.png", "text": None, "tags": ["1cat", "grass"]},
        {"file_name": "3.png", "text": ""},
    )
    assert [caption_of(tmp_path / f"{k}.png", tmp_path, "by default") for k in (1, 2, 3)] == [
        "by default", "1cat, grass", "",
    ]  # fmt: skip


def test_a_caption_in_metadata_lines_may_have_separators_of_unicode(tmp_path):
    """Texts from the web do, which JSON need not escape."""
    text = "a dog\u2028in grass\x85at night"
    lines = [json.dumps({"file_name": name, "text": text}, ensure_ascii=False) for name in ("1.png", "2.png")]
    (tmp_path / "metadata.jsonl").write_text("\r\n".join(lines), encoding="utf-8", newline="")
    assert caption_of(tmp_path / "2.png") == "a dog in grass at night"
    caption = CaptionReader([str(tmp_path)], Captions()).of(tmp_path / "1.png")
    assert plain_caption(caption, Captions(several_lines="first")) == "a dog in grass at night"


@pytest.mark.parametrize("form", ["metadata.jsonl", "meta.json"])
@pytest.mark.parametrize("of_file", ["NFC", "NFD"])
def test_an_image_is_found_in_metadata_however_its_accents_are_written(tmp_path, form, of_file):
    """A Mac's folders have them decomposed, most tools write them composed."""
    name = unicodedata.normalize(of_file, "café.png")
    other = unicodedata.normalize("NFD" if of_file == "NFC" else "NFC", name)
    if form == "metadata.jsonl":
        write_lines(tmp_path / form, {"file_name": other, "text": "a café"})
        assert caption_of(tmp_path / name) == "a café"
    else:
        (tmp_path / form).write_text(json.dumps({other: "a café"}))
        reader = CaptionReader([str(tmp_path)], Captions(), metadata=str(tmp_path / form))
        assert reader.of(tmp_path / name).line == "a café"


def test_metadata_lines_of_other_images_are_told(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "dog.png")
    file = write_lines(tmp_path / "metadata.jsonl", {"file_name": "1.png", "text": "a"})
    _, (told,) = instance_examples([Concept(folder=str(tmp_path))], Captions())
    assert told.startswith(f"Concept 1: {file} names 1 image, and no image in {tmp_path} has its caption from there")
    write_lines(file, {"file_name": "dog.png", "text": "a"})
    os.utime(file, ns=(1, 1))
    assert instance_examples([Concept(folder=str(tmp_path))], Captions())[1] == []


def test_metadata_lines_that_change_are_read_again(tmp_path):
    file = write_lines(tmp_path / "metadata.jsonl", {"file_name": "1.png", "text": "a corgi"})
    assert caption_of(tmp_path / "1.png") == "a corgi"
    write_lines(file, {"file_name": "1.png", "text": "a poodle"})
    os.utime(file, ns=(1, 1))
    assert caption_of(tmp_path / "1.png") == "a poodle"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"file_name": "1.png", "text": "a"}\nnonsense\n', r"metadata\.jsonl, line 2, is not valid JSON: write one"),
        ('{"file_name": "1.png"}\n', "names no image with its caption: write lines like"),
        ("", "names no image with its caption"),
        (
            '{"file_name": "1.png", "text": "a"}\n{"file_name": "1.png", "text": "b"}',
            'has two captions for 1.png, "a" and "b": remove one of the lines, or write a list of both',
        ),
        ("[1]\n3\n", "names no image with its caption"),
    ],
)
def test_metadata_lines_that_are_none(tmp_path, content, sentence):
    (tmp_path / "metadata.jsonl").write_text(content)
    with pytest.raises(UserError, match=sentence):
        read_metadata_lines(tmp_path / "metadata.jsonl")


INFOTEXT = "a corgi,\non grass\nNegative prompt: blurred\nSteps: 20, Sampler: Euler a, Seed: 1"


def save_with_comment(file: Path, kind: str) -> Path:
    image, options = Image.new("RGB", (16, 16)), {}
    if kind.startswith("png"):
        options["pnginfo"] = info = PngInfo()
        info.add_text(
            "parameters" if kind == "png of the WebUI" else "Comment", INFOTEXT if "UI" in kind else "a corgi"
        )
    else:
        exif = Image.Exif()
        notes = {
            "comment of the WebUI": (0x9286, b"UNICODE\0" + INFOTEXT.encode("utf-16-be")),
            "ascii comment": (0x9286, b"ASCII\0\0\0a corgi\0"),
            "description": (0x010E, "a corgi"),
            "comment of Windows": (0x9C9C, "a corgi\0".encode("utf-16-le")),
        }
        tag, value = notes[kind]
        if tag == 0x9286:
            exif[0x8769] = {tag: value}
        else:
            exif[tag] = value
        options["exif"] = exif
    image.save(file, **options)
    return file


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("1.png", "png of the WebUI"),
        ("1.png", "png with a comment"),
        ("1.jpg", "comment of the WebUI"),
        ("1.jpg", "ascii comment"),
        ("1.jpg", "description"),
        ("1.jpg", "comment of Windows"),
    ],
)
def test_comments_in_images_on_request(tmp_path, name, kind):
    image = save_with_comment(tmp_path / name, kind)
    expected = "a corgi, on grass" if "UI" in kind else "a corgi"
    assert caption_of(image) == ""
    assert caption_of(image, image_comments=True) == expected
    assert CaptionReader([str(tmp_path)], Captions(image_comments=True)).source_of(image) == image
    image.with_suffix(".caption").write_text("a written one")
    assert caption_of(image, image_comments=True) == "a written one"


def test_images_without_a_comment_or_that_are_none(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a dog.png")
    (tmp_path / "no image.png").write_text("x")
    names = ("a dog.png", "no image.png", "gone.png")
    assert [caption_of(tmp_path / name, image_comments=True) for name in names] == ["a dog", "no image", "gone"]


def test_file_names_alone_as_prompts_are_told(tmp_path):
    """Those of several words are meant to be captions."""
    for name in ("DSC_0012", "DSC_0013"):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{name}.png")
    told = 'Concept 1: no image has a caption, and the prompts are the file names alone, such as "DSC_0012"'
    assert [told in warning for warning in instance_examples([Concept(folder=str(tmp_path))], Captions())[1]] == [True]
    for other in (Concept(instance_prompt="sks dog, [filewords]"), Concept(default_caption="sks dog")):
        assert instance_examples([replace(other, folder=str(tmp_path))], Captions())[1] == []
    (tmp_path / "DSC_0013.png").rename(tmp_path / "a red dog.png")
    assert instance_examples([Concept(folder=str(tmp_path))], Captions())[1] == []


def test_a_folder_where_only_some_have_captions(tmp_path):
    some = {tmp_path / "1.png": Caption("a", tmp_path / "1.txt"), tmp_path / "2.png": Caption("2")}
    assert list(caption_warnings("Concept 1", some)) == [
        "Concept 1 has 1 image without a caption, such as 2.png: its file name replaces [filewords]."
    ]
    more = {**some, tmp_path / "3.png": Caption("sks dog")}
    assert list(caption_warnings("Concept 1", more, "sks dog")) == [
        'Concept 1 has 2 images without a caption, such as 2.png: "sks dog" replaces [filewords].'
    ]
    assert list(caption_warnings("Concept 1", {tmp_path / "2.png": Caption("2")})) == []


def test_a_caption_of_several_images(tmp_path):
    for name, text in {"1.txt": "a dog", "2.txt": "a cat", "2.png.txt": "a fox", "3.txt": "a cow"}.items():
        (tmp_path / name).write_text(text)
    images = [tmp_path / name for name in ("1.jpg", "1.png", "2.jpg", "2.png", "3.png")]
    reader = CaptionReader([str(tmp_path)], Captions())
    captions = {image: reader.of(image) for image in images if image.name != "2.png"}
    assert list(caption_warnings("Concept 1", captions)) == [
        f"Concept 1: 1 caption ({tmp_path / '1.txt'}) is used for several images, such as 1.jpg and 1.png: if each is "
        "to have its own, save 1.jpg.txt and 1.png.txt."
    ]
    sources = {image: reader.source_of(image) for image in images}
    assert len(list(shared_captions("Concept 1", sources))) == 1
    (tmp_path / "1.png.txt").write_text("a wolf")
    assert list(shared_captions("Concept 1", {image: reader.source_of(image) for image in images})) == []
    lines = dict.fromkeys(images, tmp_path / "metadata.jsonl")
    assert list(shared_captions("Concept 1", lines)) == []


def test_captions_of_nothing_but_punctuation(tmp_path):
    texts = {"1": ", | ,", "2": "，\n.", "3": "a, b | c", "4": "", "5": "7", "6": "❤"}
    captions = {tmp_path / f"{name}.png": Caption(text, tmp_path / f"{name}.txt") for name, text in texts.items()}
    captions[tmp_path / "....png"] = Caption("...")
    (told,) = [told for told in caption_warnings("Concept 1", captions) if "punctuation" in told]
    assert told == (
        "Concept 1: the captions of 2 of 7 images, such as 1.png, are nothing but punctuation, and are trained as it: "
        "write what the images show."
    )


def test_captions_of_any_kind_that_are_not_used(tmp_path):
    write_lines(tmp_path / "metadata.jsonl", {"file_name": "1.png", "text": "a corgi"})
    (tmp_path / "2.png.txt").write_text("a cat")
    images = [tmp_path / f"{number}.png" for number in (1, 2, 3)]
    (sentence,) = unused_captions("Concept 1", images, CaptionReader([str(tmp_path)], Captions()))
    assert "the captions of 2 of 3 images, such as" in sentence
    assert "metadata.jsonl, are not used: put [filewords] into instance_prompt" in sentence


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
    assert prompt_for(template, caption_of(Path(name))) == prompt
