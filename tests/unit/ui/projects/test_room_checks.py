"""What is told of the GPU's VRAM and of the place of results before a run, beside all other faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.formats.known_base import memory_of
from sd_finetune.settings.gpu_driver import LargestGpu
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.jobs.training import class_images_job, rate_trial_job, train_job
from sd_finetune.ui.projects.check import check, report
from sd_finetune.ui.projects.project import Project
from sd_finetune.vram.estimate import GIB
from sd_finetune.vram.room import Room, room_fault
from tests.screen import Screen


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> LargestGpu:
    """One that is too small for anything."""
    found = LargestGpu(GIB // 8, bf16=True)
    monkeypatch.setattr("sd_finetune.checks.room.computes_with_nvidia", lambda: True)
    monkeypatch.setattr("sd_finetune.checks.room.largest_gpu", lambda: found)
    return found


def test_a_gpu_that_is_too_small_is_told(screen: Screen, gpu: LargestGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = screen.settings()
    settings = from_dict(asked)
    told = room_fault(settings, Room(gpu.memory, gpu.memory), memory_of(settings))
    assert told.startswith("The run needs about")
    assert check(asked).faults == {"train.check_vram": told}
    for train in ({"check_vram": False}, {"device": "cpu"}):
        assert check(screen.settings(train=train)).faults == {}
    assert list(check(screen.settings(train={"batch_size": 0})).faults) == ["train.batch_size"], "first of all"
    monkeypatch.setattr("sd_finetune.checks.room.largest_gpu", lambda: LargestGpu(24 * GIB, bf16=True))
    assert check(asked).faults == {}
    monkeypatch.setattr("sd_finetune.checks.room.largest_gpu", lambda: None)
    assert check(asked).faults == {}


def test_where_results_go_keeps_from_training_alone(screen: Screen, tmp_path: Path, gpu: LargestGpu) -> None:
    there = tmp_path / "mine" / "dog.safetensors"
    there.parent.mkdir()
    there.touch()
    asked: dict[str, Any] = screen.settings(output__folder=str(there.parent), train={"device": "cpu"})
    asked["prior"], asked["concepts"][0]["class_prompt"] = {"weight": 1}, "a dog"
    told = {"output.name": f"{there} already exists: change output.name, or move that file."}
    assert check(asked).faults == told
    assert report(asked, screen.context.projects)["faults"]["output.name"].startswith(f"{there} already exists")

    host = screen.context.host
    project = Project.create(screen.context.projects, "mine", {}, asked)
    with pytest.raises(UserError, match="already exists"):
        train_job(host, project)
    assert class_images_job(host, project)
    trial = rate_trial_job(host, project)
    assert trial.run.read_settings().output.folder == "", "it saves nothing, wherever that would be"
