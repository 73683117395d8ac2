"""What a run is made of."""

from __future__ import annotations

import pytest

from sd_finetune.errors import UserError
from sd_finetune.ui.jobs.training import class_images_job, train_job
from sd_finetune.ui.projects.project import CLASS_IMAGE_RUNS
from tests.screen import Screen


def test_what_the_host_lacks_is_told_before_a_run_is_made(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.context.host, "faults", lambda: ["diffusers is missing: start again."])
    with pytest.raises(UserError, match="diffusers is missing"):
        train_job(screen.context.host, screen.context.project("dog"))
    assert screen.context.project("dog").run_names() == []


def test_every_fault_is_told_before_a_run_is_made(screen: Screen) -> None:
    project = screen.context.project("dog")
    project.write_settings(screen.settings(train__batch_size="many", concepts=[{"folder": "/nowhere"}]))
    with pytest.raises(UserError, match=r"train\.batch_size.*\nconcepts\.1\.folder = .* not found"):
        train_job(screen.context.host, project)
    assert project.run_names() == []


def test_class_images_are_for_a_prior(screen: Screen) -> None:
    with pytest.raises(UserError, match="uses no class images: set it above 0"):
        class_images_job(screen.context.host, screen.context.project("dog"))


def test_none_are_generated_where_the_model_is_asked(screen: Screen) -> None:
    project = screen.context.project("dog")
    (concept,) = screen.settings()["concepts"]
    asked = {"concepts": [{**concept, "class_prompt": "a dog"}], "prior__weight": 1.0, "prior__source": "model"}
    project.write_settings(screen.settings(**asked))
    with pytest.raises(UserError, match='"model" generates no class images: set it to "images" or "both"'):
        class_images_job(screen.context.host, project)
    assert not (project.folder / CLASS_IMAGE_RUNS).exists()
