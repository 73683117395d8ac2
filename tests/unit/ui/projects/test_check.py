"""What is told of settings before a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.data.folder import Listing, list_folder
from sd_finetune.errors import UserError
from sd_finetune.settings.availability import WITH_NEEDS, needs_of
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.ui.projects.check import check, checked_settings, report
from sd_finetune.ui.projects.form import form
from tests.screen import Screen


def test_a_folder_without_images_is_told_beside_its_field(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (("empty", "no images in the folder"), ("nowhere", "not found"), ("x" * 300, "not found")):
        settings = screen.settings(concepts=[{"folder": str(tmp_path / folder)}])
        assert words in check(settings).faults["concepts.1.folder"]
        with pytest.raises(UserError, match=words):
            checked_settings(settings)


def test_a_folder_is_listed_once_for_all_that_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 files a third of a second."""
    listed: list[str | Path] = []

    def noting(folder: str | Path, *others: Any) -> Listing:
        listed.append(folder)
        return list_folder(folder, *others)

    monkeypatch.setattr("sd_finetune.data.usable.list_folder", noting)
    told = report(screen.settings(), screen.context.projects)
    assert told["warnings"][0]["sentence"].startswith("Concept 1 has 3 training images")
    assert listed == [str(screen.pictures)]


@pytest.mark.parametrize("path", ["/nowhere.safetensors", "/" + "x" * 300, ""])
def test_a_checkpoint_that_went_away_is_told(screen: Screen, path: str) -> None:
    assert list(check(screen.settings(base={"checkpoint": path})).faults) == ["base.checkpoint"]


def test_a_checkpoint_that_is_damaged_is_told(screen: Screen, tmp_path: Path) -> None:
    """Of a folder, whose files are listed for more than training, the rest of the report does not fail either."""
    file, folder = tmp_path / "cut.safetensors", tmp_path / "shards"
    file.write_bytes(Path(screen.settings()["base"]["checkpoint"]).read_bytes()[:100_000])
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (folder / "unet" / "config.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    for path in (file, folder):
        told = report(screen.settings(base={"checkpoint": str(path)}), screen.context.projects)
        assert list(told["faults"]) == ["base.checkpoint"]
        assert told["faults"]["base.checkpoint"].startswith(f"{path} is incomplete or damaged")


def test_a_checkpoint_that_is_none_any_more_is_told_with_the_rest(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "page.safetensors").write_text("<html>not found</html>")
    settings = screen.settings(base={"checkpoint": str(tmp_path / "page.safetensors")}, lora={"rank": 0})
    faults = check(settings).faults
    assert faults.keys() == {"base.checkpoint", "lora.rank"}
    assert "is a web page: download the file itself" in faults["base.checkpoint"]


def test_steps_count_repeats_batches_and_accumulation(screen: Screen) -> None:
    concept = {"folder": str(screen.pictures), "repeats": 5}  # 15 showings, 4 of them a step
    train = {"length": "2 epochs", "batch_size": 2, "gradient_accumulation_steps": 2}
    found = check(screen.settings(concepts=[concept], train=train))
    assert (found.images, found.steps_per_epoch, found.steps) == ([3], 4, 8)


def test_excluded_images_make_no_steps(screen: Screen) -> None:
    concept = {"folder": str(screen.pictures), "repeats": 5, "exclude": ["1.png"]}
    found = check(screen.settings(concepts=[concept], train={"length": "2 epochs"}))
    assert (found.images, found.steps_per_epoch, found.steps) == ([2], 10, 20)
    concept["exclude"] = ["0.png", "1.png", "2.png"]
    faults = check(screen.settings(concepts=[concept])).faults
    assert "are excluded: take some of them out of concepts.1.exclude" in faults["concepts.1.folder"]


@pytest.mark.parametrize(
    "settings", [{}, {"concepts": "x"}, {"concepts": [1]}, {"base": 3}, {"method": []}, {"concepts": [{"folder": 5}]}]
)
def test_whatever_was_sent_is_judged_and_not_choked_on(screen: Screen, settings: dict) -> None:
    told = report(settings, screen.context.projects)
    assert told["faults"]
    assert (told["warnings"], told["steps"], told["seconds"]) == ([], 0, None)


def test_all_faults_are_told_together(screen: Screen, tmp_path: Path) -> None:
    """Of each kind one: a value, rows of concepts, contradictions, files and folders."""
    folder = {"folder": str(tmp_path / "nowhere")}
    train = {"batch_size": "many", "fused_backward": True, "gradient_accumulation_steps": 2}
    settings = screen.settings(concepts=[folder, {"repeats": 0}], train=train)
    settings["base"]["vae"] = str(tmp_path / "no.vae.pt")
    settings["output"]["name"] = "a/b"
    found = check(settings)
    assert found.faults.keys() == {
        "train.batch_size", "train.gradient_accumulation_steps", "train.clip_by", "base.vae", "output.name",
        "concepts.1.folder", "concepts.2.folder", "concepts.2.repeats",
    }  # fmt: skip
    assert found.settings is None
    with pytest.raises(UserError) as told:
        checked_settings(settings)
    assert str(told.value).split("\n") == list(found.faults.values())


def test_a_contradiction_is_told_at_all_that_it_is_between(screen: Screen) -> None:
    settings = screen.settings(timesteps={"smallest": 9, "largest": 3})
    told = report(settings, screen.context.projects)
    (again,) = told["beside"]
    assert (again["of"], again["name"]) == ("timesteps.smallest", "timesteps.largest")
    assert again["sentence"] == told["faults"]["timesteps.smallest"]


def test_a_missing_package_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    assert "pip install not_installed" in check(screen.settings()).faults["optimizer.name"]


@pytest.mark.parametrize("option", WITH_NEEDS)
def test_every_choice_that_lacks_its_package_is_told_and_not_offered(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("sd_finetune.settings.availability.find_spec", lambda package: None)
    group, _, own = option.partition(".")
    (field,) = [each for groups in form()["groups"] for each in groups["fields"] if each["name"] == option]
    lacking = [choice for choice in WITH_NEEDS[option] if needs_of(option, choice).package]
    assert lacking
    for choice in lacking:
        told = check(screen.settings(**{group: {own: choice}})).faults[option]
        assert f"needs the package {needs_of(option, choice).package}, which is not installed: run " in told
        assert "which is not installed" in field["unavailable"][choice]
        assert field["titles"][choice].endswith(f" (needs the package {needs_of(option, choice).package})")
