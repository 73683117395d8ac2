"""What of a run is taken for private."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sd_finetune.report.private import find_private


def found(settings: dict[str, Any], *prompts: str) -> dict[str, str]:
    return dict(find_private(settings, prompts, [], "").texts)


def test_the_trigger_word_is_what_the_class_does_not_have() -> None:
    concept = {"instance_prompt": "a photo of zwk Dog in snow, [filewords]", "class_prompt": "a photo of a dog"}
    assert found({"concepts": [concept]}) == {
        "zwk": "<trigger word>",
        "snow": "<trigger word>",
        concept["instance_prompt"]: "<prompt 1>",
        concept["class_prompt"]: "<prompt 2>",
    }


def test_prompts_of_events_are_numbered_after_those_of_the_settings() -> None:
    settings = {"samples": {"prompts": ["one cat", "two cats"]}}
    assert found(settings, "two cats", "", "three cats") == {
        "one cat": "<prompt 1>",
        "two cats": "<prompt 2>",
        "three cats": "<prompt 3>",
    }


def test_a_new_word_and_its_sentences_are_private() -> None:
    group = {"word": "zwk", "sentences": ["a [name] on a wall"], "initial_text": "cat", "template": "own"}
    assert found({"method": "textual_inversion", "output": {"name": "zwk-1"}, "textual_inversion": group}) == {
        "zwk": "<trigger word>",
        "zwk-1": "<name>",
        "a [name] on a wall": "<prompt 1>",
        "cat": "<prompt 2>",
    }


def test_words_of_concepts_are_private() -> None:
    concept = {"word": "zab", "word_file": "my zab", "initial_text": "cat", "vectors": 2}
    assert found({"concepts": [concept]}) == {
        "zab": "<trigger word>",
        "my zab": "<trigger word>",
        "cat": "<prompt 1>",
    }


def test_captions_count_and_names_of_images_where_they_are_captions(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "01-a red car.png").touch()
    (tmp_path / "deep" / "x.txt").write_text("a blue car")
    with_names = found({"concepts": [{"folder": str(tmp_path), "instance_prompt": "[filewords]"}]})
    assert with_names == {"a red car": "<caption>", "a blue car": "<caption>", "x": "<caption>"}
    (tmp_path / "y.caption").write_text("a green car\nby night")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "a pink car"}\nno JSON\n')
    without = found({"concepts": [{"folder": str(tmp_path), "instance_prompt": "zwk"}]})
    assert {"a green car by night", "by night", "a pink car"} <= set(without)
    assert "a red car" not in without
    assert without["a blue car"] == "<caption>"


def test_captions_of_a_metadata_file_are_private(tmp_path: Path) -> None:
    file = tmp_path / "meta.json"
    file.write_text('{"1": {"caption": "a red car", "tags": "wet, street"}}')
    concept = {"metadata_file": str(file), "instance_prompt": "zwk"}
    assert {"a red car", "wet, street"} <= set(found({"concepts": [concept]}))
    file.write_text('{"file_name": "1.png", "text": "a blue car"}\n{"file_name": "2.png", "text": "a cat"}')
    assert {"a blue car", "a cat"} <= set(found({"concepts": [concept]}))


def test_a_folder_that_is_gone_is_no_fault() -> None:
    assert found({"concepts": [{"folder": "/no/such/folder"}, {"folder": "\0"}, {"folder": 3}]}) == {}


def test_people_are_told_by_the_homes_that_are_named_anywhere() -> None:
    private = find_private({"base": {"checkpoint": "/Users/ann/x.ckpt"}}, [], [Path("/home/joe/runs")], "/home/mary/y")
    assert {"/Users/ann", "/home/joe", "/home/mary"} <= private.homes
    assert {"ann", "joe", "mary"} <= private.people
