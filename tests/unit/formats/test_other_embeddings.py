"""New words that prompts of the WebUI would mix up with embeddings that are there already."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from sd_finetune.formats.other_embeddings import embeddings_in, in_the_way, is_named_after
from sd_finetune.settings.learned_words import LearnedWord
from tests.embedding_images import save_image_with, word_in_json

WAY_OUT = ": change output.name, or rename that file."


def word(name: str, file: str = "", option: str = "output.name") -> LearnedWord:
    place = "textual_inversion" if option == "output.name" else option.rpartition(".")[0]
    return LearnedWord(name, option, place, file or name, "*", 1, "")


def test_embeddings_are_found_in_sub_folders(tmp_path: Path) -> None:
    for name in ("zib.safetensors", "old/zab 2.PT", "old/zub.bin", "zib.preview.png", "zib.json", ".zeb.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = embeddings_in(tmp_path)
    assert sorted(names.values()) == ["zab 2", "zib", "zub"]
    assert names[tmp_path / "old" / "zab 2.PT"] == "zab 2"
    assert embeddings_in(None) == embeddings_in(tmp_path / "none") == {}


def test_those_in_images_have_the_name_that_is_in_them(tmp_path: Path) -> None:
    """As the WebUI loads them: not from previews, nor from images without one."""
    content = word_in_json(torch.ones(2, 768))
    save_image_with(tmp_path / "a.png", content, "text")
    save_image_with(tmp_path / "b.PNG", content, "pixels")
    save_image_with(tmp_path / "c.webp", {**content, "name": "zab"}, "pixels", lossless=True)
    save_image_with(tmp_path / "d.webp", {**content, "name": "lossy"}, "pixels")
    save_image_with(tmp_path / "e.preview.png", content, "text")
    del content["name"]
    save_image_with(tmp_path / "f g.png", content, "text")
    Image.new("RGB", (64, 64)).save(tmp_path / "h.png")
    (tmp_path / "i.avif").write_bytes(b"")
    names = embeddings_in(tmp_path)
    assert {path.name: name for path, name in names.items()} == {
        "a.png": "zib-7", "b.PNG": "zib-7", "c.webp": "zab", "f g.png": "f g"
    }  # fmt: skip
    (told,) = in_the_way(word("zib-7"), names)
    assert told.startswith(f'"zib-7" is the name of another embedding ({tmp_path / "a.png"})')


def test_images_that_there_is_no_time_for_are_left_to_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_image_with(path, word_in_json(torch.ones(2, 768)), "text")
    assert embeddings_in(tmp_path, 0) == {}
    assert embeddings_in(tmp_path) == {path: "zib-7"}
    assert embeddings_in(tmp_path, 0) == {path: "zib-7"}
    Image.new("RGB", (64, 64)).save(path)
    assert embeddings_in(tmp_path, 0) == {}, "it is another image now"


@pytest.mark.parametrize(
    ("own", "other", "sentence"),
    [
        ("zib", "ZIB", '"zib" is the name of another embedding (x), which the WebUI uses for it in prompts'),
        ("zib", "zib dog", 'The WebUI reads "zib dog" in a prompt as another embedding (x), and not as "zib"'),
        ("zib-7", "zib", 'The WebUI will read "zib-7" in a prompt as the new word, no more as "zib" (x)'),
        ("zib", "zibdog", ""),
        ("zib", "my zib", ""),
    ],
)
def test_a_word_in_the_way_is_told(own: str, other: str, sentence: str) -> None:
    assert list(in_the_way(word(own), {Path("x"): other})) == ([f"{sentence}{WAY_OUT}"] if sentence else [])


def test_the_number_of_a_taken_file_is_not_the_word_s() -> None:
    """The host names the second result "zib-2"; prompts say "zib"."""
    (told,) = in_the_way(word("zib", "zib-2"), {Path("x"): "zib"})
    assert told.startswith('"zib" is the name of another embedding')
    (told,) = in_the_way(word("zib", "zab-2"), {Path("x"): "zab-2"})
    assert told.startswith('"zab-2" is the name of another embedding')
    (told,) = in_the_way(word("zib", option="concepts.2.word"), {Path("x"): "zib"})
    assert ": change concepts.2.word, or" in told
    (told,) = in_the_way(word("zab", "zib", option="concepts.2.word"), {Path("x"): "zib"})
    assert ": change concepts.2.word_file, or" in told


@pytest.mark.parametrize(
    ("name", "same"), [("zib", True), ("Zib-3", True), ("zib-step000100", True), ("zib-3-step000100", True),
                       ("zib dog", False), ("zib-x", False)],
)  # fmt: skip
def test_earlier_results_of_the_word_have_its_name(name: str, same: bool) -> None:
    assert is_named_after(name, word("zib")) == is_named_after(name, word("zib", "zib-2")) == same
