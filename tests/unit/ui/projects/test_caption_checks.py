"""What is told of captions before a run, and of folders beside the training images: what the run would tell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.checks import captions as caption_checks
from sd_finetune.data.concepts import instance_examples
from sd_finetune.data.first_faults import MOST_FAULTS
from sd_finetune.errors import UserError
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.check import check, checked_settings, report
from tests.screen import Screen, make_images

NO_TEXT = b"\x00\x01\x02 not text"


def settings_with(screen: Screen, *, prompt: str = "[filewords]", **concept: Any) -> dict[str, Any]:
    settings = screen.settings()
    settings["concepts"][0] |= {"instance_prompt": prompt, **concept}
    return settings


def said_by_the_run(settings: dict[str, Any]) -> list[str]:
    whole = from_dict(settings)
    with pytest.raises(UserError) as told:
        instance_examples(whole.concepts, whole.captions)
    return str(told.value).split("\n")


def test_all_captions_that_are_no_text_are_told_together_as_by_the_run(screen: Screen) -> None:
    (screen.pictures / "0.txt").write_bytes(NO_TEXT)
    (screen.pictures / "1.png.caption").write_text("x" * 70_000)
    (screen.pictures / "2.txt").write_text("")  # which is a caption, though an empty one
    settings = settings_with(screen)
    (name, told), *others = check(settings).faults.items()
    assert (name, others) == ("concepts.1.folder", [])
    assert told.split("\n") == said_by_the_run(settings)
    first, second = told.split("\n")
    assert first == f"{screen.pictures / '0.txt'} is not text: save the caption as UTF-8."
    assert second.startswith(f"{screen.pictures / '1.png.caption'} has more than 64 KiB")
    with pytest.raises(UserError, match="is not text"):
        checked_settings(settings)
    assert check(settings_with(screen, prompt="a dog")).faults == {}, "no prompt asks for them"
    (screen.pictures / "0.txt").write_text("a dog")
    (screen.pictures / "1.png.caption").write_text("a dog")
    assert check(settings).faults == {}


def test_a_broken_metadata_file_is_told_once_beside_its_field(screen: Screen, tmp_path: Path) -> None:
    file = tmp_path / "captions.json"
    file.write_text('{"1.png": ')
    settings = settings_with(screen, metadata_file=str(file))
    (fault,) = check(settings).faults.items()
    assert fault[0] == "concepts.1.metadata_file"
    assert fault[1].startswith(f"{file} is not valid JSON")
    assert said_by_the_run(settings) == [fault[1]]
    for name in "012":
        (screen.pictures / f"{name}.txt").write_text("a dog")
    assert list(check(settings).faults) == ["concepts.1.metadata_file"], "though every image has its own"
    file.write_text('{"1.png": {"caption": "a dog"}}')
    assert check(settings).faults == {}


def test_a_broken_file_of_the_folder_is_read_once(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    from sd_finetune.data import metadata_lines

    read = list[str]()
    parse = metadata_lines.parse_json
    monkeypatch.setattr(metadata_lines, "parse_json", lambda line: [read.append(line), parse(line)][1])
    (screen.pictures / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "a dog"}\n{"file')
    (told,) = check(settings_with(screen)).faults.values()
    assert told == f"{screen.pictures / 'metadata.jsonl'}, line 2, is not valid JSON: write one object a line."
    assert len(read) == 2, "and not for each image"


def test_of_many_the_first_are_named(screen: Screen) -> None:
    make_images(screen.pictures, 15)
    for number in range(15):
        (screen.pictures / f"{number}.txt").write_bytes(NO_TEXT)
    lines = check(settings_with(screen)).faults["concepts.1.folder"].split("\n")
    assert len(lines) == MOST_FAULTS + 1
    assert lines[-1] == "5 more captions cannot be used either."


def test_what_there_is_no_time_for_is_left_to_the_run(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    (screen.pictures / "0.txt").write_bytes(NO_TEXT)
    monkeypatch.setattr(caption_checks, "LOOK_SECONDS", 0.0)
    started = time.monotonic()
    assert check(settings_with(screen)).faults == {}
    assert time.monotonic() - started < 5


def test_captions_and_masks_of_a_folder_are_told_together(screen: Screen) -> None:
    (screen.pictures / "0.txt").write_bytes(NO_TEXT)
    (screen.pictures / "1.mask.png").write_bytes(b"no image")
    settings = settings_with(screen)
    settings["masks"] = {"source": "files"}
    settings["lora"] = {"rank": 0}
    faults = check(settings).faults
    assert faults.keys() == {"concepts.1.folder", "lora.rank"}
    assert "1.mask.png cannot be read" in faults["concepts.1.folder"]
    assert "0.txt is not text" in faults["concepts.1.folder"]


def test_class_images_and_their_captions(screen: Screen, tmp_path: Path) -> None:
    folder = tmp_path / "dogs"
    folder.mkdir()
    settings = settings_with(screen, prompt="sks dog", class_prompt="[filewords]", class_folder=str(folder))
    settings["prior"] = {"weight": 1}
    told = check(settings).faults
    assert list(told) == ["concepts.1.class_folder"]
    assert "and none can be generated for the class_prompt '[filewords]'" in told["concepts.1.class_folder"]
    make_images(folder)
    (folder / "1.txt").write_bytes(NO_TEXT)
    told = check(settings).faults
    assert told == {"concepts.1.class_folder": f"{folder / '1.txt'} is not text: save the caption as UTF-8."}
    assert check({**settings, "prior": {"weight": 0}}).faults == {}


def test_the_folder_that_is_evaluated_on(screen: Screen, tmp_path: Path) -> None:
    folder = tmp_path / "held out"
    folder.mkdir()
    settings = settings_with(screen)
    settings["evaluation"] = {"folder": str(folder), "every": "5 steps"}
    told = report(settings, screen.context.projects)["faults"]
    assert list(told) == ["evaluation.folder"]
    assert "no images in the folder" in told["evaluation.folder"]
    make_images(folder)
    (folder / "2.txt").write_bytes(NO_TEXT)
    sentence = f"{folder / '2.txt'} is not text: save the caption as UTF-8."
    assert check(settings).faults == {"evaluation.folder": sentence}
    settings["evaluation"]["every"] = "0"
    assert check(settings).faults == {}
