"""What is left to the base checkpoint is the same in the tab, on the command line and in a run."""

from __future__ import annotations

import json
from pathlib import Path

from sd_finetune.commands.settings_file import usable
from sd_finetune.settings.read import content_of_toml, from_dict
from sd_finetune.settings.toml import toml_text
from sd_finetune.ui.jobs.training import train_job
from sd_finetune.ui.projects.check import checked_settings, report
from sd_finetune.ui.projects.host_folders import settings_of_run
from tests.screen import Screen


def test_the_form_shows_what_a_run_is_made_of(screen: Screen, tmp_path: Path) -> None:
    settings = screen.settings()
    shown = report(settings, screen.context.projects)["automatic"]
    assert (shown["data.resolution"], shown["train.unet_learning_rate"]) == (64, 1e-4)
    project = screen.context.existing_project("dog")
    run = train_job(screen.context.host, project).run
    kept = json.loads(run.settings.read_text(encoding="utf-8"))
    assert (kept["data"]["resolution"], kept["train"]["unet_learning_rate"]) == (64, 1e-4)
    file = tmp_path / "settings.toml"
    file.write_text(toml_text(settings), encoding="utf-8")
    of_file = usable(content_of_toml(file))
    assert of_file.data == checked_settings(settings).data
    assert of_file.train == run.read_settings().train


def test_a_project_that_continues_from_a_run_leaves_it_open_again(screen: Screen) -> None:
    project = screen.context.existing_project("dog")
    project.write_settings(screen.settings(train__text_encoder_learning_rate=3e-6))
    run = train_job(screen.context.host, project).run
    again = settings_of_run(screen.context.host, run)
    assert (again["data"]["resolution"], again["train"]["unet_learning_rate"]) == ("auto", "auto")
    assert again["train"]["text_encoder_learning_rate"] == 3e-6
    assert from_dict({**again, "method": "dreambooth"}).unet_learning_rate() == 2e-6


def test_a_rule_on_what_was_left_open_is_told_by_the_form(screen: Screen) -> None:
    settings = screen.settings(data__smallest_side=128)
    assert from_dict(settings).data.smallest_side == 128
    faults = report(settings, screen.context.projects)["faults"]
    assert list(faults) == ["data.smallest_side"]
    assert "64" in faults["data.smallest_side"]
