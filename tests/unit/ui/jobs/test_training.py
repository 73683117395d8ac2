"""What is told before a run, and what a run is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.jobs.training import check, complete, train_job
from tests.screen import Screen


def test_a_folder_without_pictures_is_told_beside_its_field(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (("empty", "holds no picture"), ("nowhere", "is not a folder")):
        settings = screen.settings(concepts=[{"folder": str(tmp_path / folder)}])
        assert words in check(settings)["faults"]["concepts.1.folder"]


def test_a_checkpoint_that_went_away_is_told(screen: Screen) -> None:
    told = check(screen.settings(base={"checkpoint": "/nowhere.safetensors"}))
    assert list(told["faults"]) == ["base.checkpoint"]


def test_a_missing_package_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    assert "pip install not_installed" in check(screen.settings())["faults"]["optimizer.name"]


def test_steps_count_repeats_batches_and_accumulation(screen: Screen) -> None:
    concept = {"folder": str(screen.pictures), "repeats": 5}  # 15 showings, 4 of them a step
    train = {"length": "2 epochs", "batch_size": 2, "gradient_accumulation_steps": 2}
    told = check(screen.settings(concepts=[concept], train=train))
    assert (told["steps_per_epoch"], told["steps"]) == (4, 8)


@pytest.mark.parametrize("settings", [{}, {"concepts": "x"}, {"concepts": [1]}, {"base": 3}, {"method": []}])
def test_whatever_was_sent_is_judged_and_not_choked_on(settings: dict) -> None:
    assert check(settings)["faults"]


def test_a_result_is_never_written_over(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / "Lora")
    (tmp_path / "Lora").mkdir()
    assert complete(host, screen.settings())["output"] == {"name": "dog", "folder": str(tmp_path / "Lora")}
    (tmp_path / "Lora" / "dog.safetensors").touch()
    (tmp_path / "Lora" / "dog-2.safetensors").touch()
    assert complete(host, screen.settings())["output"]["name"] == "dog-3"
    (tmp_path / "Lora" / "Cat-step000100.safetensors").touch()
    assert complete(host, screen.settings(output={"name": "cat"}))["output"]["name"] == "cat-2"


def test_a_new_word_keeps_the_name_that_prompts_say(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = screen.context.host
    monkeypatch.setattr(host, "result_folder", lambda kind: tmp_path / "embeddings")
    (tmp_path / "embeddings").mkdir()
    asked = screen.settings(method="textual_inversion", output={"name": "sks dog"})
    assert from_dict(complete(host, asked)).textual_inversion.word == ""
    (tmp_path / "embeddings" / "sks dog.safetensors").touch()
    whole = from_dict(complete(host, asked))
    assert (whole.output.name, whole.new_word()) == ("sks dog-2", "sks dog")
    named = from_dict(complete(host, {**asked, "textual_inversion": {"word": "my dog"}}))
    assert (named.output.name, named.new_word()) == ("sks dog-2", "my dog")


def test_what_the_host_lacks_is_told_before_a_run_is_made(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.context.host, "faults", lambda: ["diffusers is missing: start again."])
    with pytest.raises(UserError, match="diffusers is missing"):
        train_job(screen.context.host, screen.context.model("dog"))
    assert screen.context.model("dog").run_names() == []
