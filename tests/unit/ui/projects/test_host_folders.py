"""What the host decides of a run's settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.read import find_faults, from_dict, to_dict
from sd_finetune.ui.projects.host_folders import fill_host_folders, settings_of_run
from tests.embedding_images import save_image_with, word_in_json
from tests.screen import Screen


def test_a_result_is_never_overwritten(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / "Lora")
    (tmp_path / "Lora").mkdir()
    assert fill_host_folders(host, screen.settings())["output"] == {"name": "dog", "folder": str(tmp_path / "Lora")}
    (tmp_path / "Lora" / "dog.safetensors").touch()
    (tmp_path / "Lora" / "dog-2.safetensors").touch()
    assert fill_host_folders(host, screen.settings())["output"]["name"] == "dog-3"
    (tmp_path / "Lora" / "Cat-step000100.safetensors").touch()
    assert fill_host_folders(host, screen.settings(output={"name": "cat"}))["output"]["name"] == "cat-2"
    assert from_dict(fill_host_folders(host, screen.settings(output={}))).output.name == "sd-finetune"
    (tmp_path / "Lora" / "2026-11-27 fox 000100.safetensors").touch()
    for pattern, name in (("{date} {name} {step:06d}", "fox-2"), ("{name}", "fox"), ("{name", "fox")):
        asked = {"name": "fox", "name_pattern": pattern}
        assert fill_host_folders(host, screen.settings(output=asked))["output"]["name"] == name


def test_a_folder_of_files_stays_with_its_run(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the WebUI's own folder each of its files would be listed as a checkpoint."""
    monkeypatch.setattr(screen.context.host, "result_folder", lambda kind: tmp_path)
    for method, layout, folder in (
        ("dreambooth", "diffusers", ""), ("dreambooth", "file", str(tmp_path)), ("lora", "diffusers", str(tmp_path))
    ):  # fmt: skip
        settings = screen.settings(method=method, output={"name": "fox", "layout": layout})
        assert fill_host_folders(screen.context.host, settings)["output"].get("folder", "") == folder


def test_what_the_form_decides_stays(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / "Lora")
    asked = screen.settings(output={"name": "dog", "folder": "/mine"}, class_images={"cache_folder": "/cache"})
    asked["data"] = {**asked.get("data", {}), "cache_folder": "/image cache"}
    assert fill_host_folders(host, asked) == asked


def test_the_name_of_an_embedding_in_an_image_is_taken(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the image is called."""
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path)
    save_image_with(tmp_path / "shown.png", word_in_json(torch.ones(2, 768), "sks dog"), "text")
    for method, name in (("textual_inversion", "sks dog-2"), ("lora", "sks dog")):
        asked = screen.settings(method=method, output={"name": "sks dog"})
        assert fill_host_folders(host, asked)["output"]["name"] == name


def test_a_new_word_keeps_the_name_that_prompts_say(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / "embeddings")
    (tmp_path / "embeddings").mkdir()
    asked = screen.settings(method="textual_inversion", output={"name": "sks dog"})
    assert from_dict(fill_host_folders(host, asked)).textual_inversion.word == ""
    (tmp_path / "embeddings" / "sks dog.safetensors").touch()
    whole = from_dict(fill_host_folders(host, asked))
    assert (whole.output.name, whole.new_word()) == ("sks dog-2", "sks dog")
    named = from_dict(fill_host_folders(host, {**asked, "textual_inversion": {"word": "my dog"}}))
    assert (named.output.name, named.new_word()) == ("sks dog-2", "my dog")


def test_files_of_several_words_are_never_overwritten(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path)
    (tmp_path / "zab.safetensors").touch()
    concepts = [{"folder": "a"}, {"folder": "b", "word": "zab"}, {"folder": "c", "word": "zub", "word_file": "mine"}]
    asked = screen.settings(method="textual_inversion", output={"name": "zib"}, concepts=concepts)
    whole = fill_host_folders(host, asked)
    assert [concept.get("word_file") for concept in whole["concepts"]] == [None, "zab-2", "mine"]
    run = RunFolder.create(tmp_path / "runs", "zib", from_dict({**whole, "prior": {"weight": 0}}))
    again = settings_of_run(host, run)
    assert [concept["word_file"] for concept in again["concepts"]] == ["", "", "mine"]
    assert [concept["word"] for concept in again["concepts"]] == ["", "zab", "zub"]


@pytest.mark.parametrize(
    "wrong", [{"method": "none"}, {"method": []}, {"output": 3}, {"output": {"name": 3}}, {"class_images": []},
              {"class_images": {"cache_folder": 0}}, {"output": {"folder": 0}}],
)  # fmt: skip
def test_what_is_faulty_stays_faulty(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict
) -> None:
    monkeypatch.setattr(screen.context.host, "result_folder", lambda kind: tmp_path)
    settings = {**screen.settings(), **wrong}
    assert find_faults(fill_host_folders(screen.context.host, settings)) == find_faults(settings) != {}


def test_new_words_of_a_lora_get_the_folder_of_embeddings_and_names_that_are_free_in_both(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / kind)
    (tmp_path / "embedding").mkdir()
    (tmp_path / "embedding" / "zib.safetensors").touch()
    asked = screen.settings(lora={"new_words": "beside"}, output={"name": "zib"})
    whole = from_dict({**fill_host_folders(host, asked), "concepts": [{"folder": "a", "instance_prompt": "a [name]"}]})
    assert whole.output.embeddings_folder == str(tmp_path / "embedding")
    assert (whole.output.name, whole.new_word()) == ("zib-2", "zib")
    (tmp_path / "run").mkdir()
    run = RunFolder(tmp_path / "run")
    run.settings.write_text(json.dumps(to_dict(whole)), encoding="utf-8")
    assert settings_of_run(host, run)["output"]["embeddings_folder"] == ""
    own = {"name": "zib", "folder": "/mine"}
    elsewhere = fill_host_folders(host, screen.settings(lora={"new_words": "both"}, output=own))["output"]
    assert elsewhere == {**own, "embeddings_folder": str(tmp_path / "embedding")}
    plain = fill_host_folders(host, screen.settings(output={"name": "zib"}))
    assert (plain["output"]["name"], "embeddings_folder" in plain["output"]) == ("zib", False)
