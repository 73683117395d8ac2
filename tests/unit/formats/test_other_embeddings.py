"""New words that prompts of the WebUI would mix up with embeddings that are there already."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.formats.other_embeddings import embeddings_in, in_the_way, is_named_after
from sd_finetune.settings.learned_words import LearnedWord

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
