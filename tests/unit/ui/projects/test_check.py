"""What is told of settings before a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.data.folder import Listing, list_folder
from sd_finetune.errors import UserError
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.ui.projects.check import check, checked_settings, report
from tests.screen import Screen


def test_a_folder_without_images_is_told_beside_its_field(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (("empty", "contains no images"), ("nowhere", "not found"), ("x" * 300, "not found")):
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
    assert "are excluded: include some of them below" in faults["concepts.1.folder"]


@pytest.mark.parametrize(
    "settings", [{}, {"concepts": "x"}, {"concepts": [1]}, {"base": 3}, {"method": []}, {"concepts": [{"folder": 5}]}]
)
def test_whatever_was_sent_is_judged_and_not_choked_on(screen: Screen, settings: dict) -> None:
    told = report(settings, screen.context.projects)
    assert told["faults"]
    assert (told["warnings"], told["steps"], told["seconds"]) == ([], 0, None)


def test_a_missing_package_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    assert "pip install not_installed" in check(screen.settings()).faults["optimizer.name"]
