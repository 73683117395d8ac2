"""A method whose results the host cannot use is shown with the reason, and is not trained there."""

from __future__ import annotations

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.jobs.training import resume_job, train_job
from sd_finetune.ui.projects.usable_here import unusable_methods
from sd_finetune.ui.server.project_routes import read, start
from tests.screen import Screen

WHY = "Hypernetworks have no effect here: train a LoRA."


@pytest.fixture
def elsewhere(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A screen in a host without hypernetworks, whose project is to train one."""
    monkeypatch.setattr(screen.context.host, "unusable", lambda kind: WHY if kind == "hypernetwork" else "")
    screen.context.project("dog").write_settings(screen.settings(method="hypernetwork"))
    return screen


def test_it_is_shown_with_the_reason(elsewhere: Screen) -> None:
    context = elsewhere.context
    assert unusable_methods(context.host) == {"hypernetwork": WHY}
    method = next(field for field in start(context)["form"]["fields"] if field["name"] == "method")
    assert method["unavailable"] == {"hypernetwork": WHY}
    assert read(context.project("dog"), context)["check"]["faults"] == {"method": WHY}
    context.project("dog").write_settings(elsewhere.settings())
    assert read(context.project("dog"), context)["check"]["faults"] == {}


def test_it_is_neither_trained_nor_resumed(elsewhere: Screen) -> None:
    context, project = elsewhere.context, elsewhere.context.project("dog")
    with pytest.raises(UserError, match="no effect here"):
        train_job(context.host, project)
    assert project.run_names() == []
    run = RunFolder.create(project.runs, "dog", from_dict(elsewhere.settings(method="hypernetwork")))
    with pytest.raises(UserError, match="no effect here"):
        resume_job(context.host, project, run)
