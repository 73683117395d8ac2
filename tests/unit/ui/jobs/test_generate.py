"""Images generated on request: what is asked for, and how the end of the command is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.own_packages.start import command_of
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launch import start_process
from sd_finetune.runs.messages import Done, Error, read_events
from sd_finetune.ui.jobs import generate
from sd_finetune.ui.jobs.generate import generate_job, generated, wait_for_images
from tests.screen import Screen


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"prompt": " "}, "The prompt is empty"),
        ({"prompt": "a dog", "count": 17}, "count = 17 is out of range: use a whole number from 1 to 16"),
        ({"prompt": "a dog", "count": "2"}, 'count = "2" is out of range'),
        ({"prompt": "a dog <lora:dog:1>"}, "which is not applied here: choose the result to generate with instead"),
        ({"prompt": "a dog", "seed": None}, "seed = null is out of range"),
    ],
)
def test_a_request_that_cannot_be_met(screen: Screen, request_: dict[str, Any], words: str) -> None:
    project = screen.context.project("dog")
    with pytest.raises(UserError, match=words):
        generate_job(project, request_, None)
    assert generated(project) == []


@pytest.mark.parametrize(
    ("result", "named"),
    [
        (None, ["--checkpoint", "/weights", "--config=/c.yaml"]),
        (
            {"result": "lora", "path": "/r", "name": "r"},
            ["--checkpoint", "/weights", "--config=/c.yaml", "--lora", "/r"],
        ),
        ({"result": "checkpoint", "path": "/r", "name": "r"}, ["--checkpoint", "/r"]),
    ],
)
def test_the_command(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, result: dict[str, Any] | None, named: list[str]
) -> None:
    project = screen.context.project("dog")
    settings = screen.settings(
        samples={"guidance_scale": 5, "width": 128, "height": "auto", "emphasis": "none"},
        data__resolution=64,
        train__clip_skip=2,
        base__vae='"/vae"',
        base__config="/c.yaml",
    )
    project.write_settings(settings)
    started: list[list[str]] = []
    monkeypatch.setattr(generate, "start_process", lambda command, log: started.append(command))
    job = generate_job(project, {"prompt": "-a dog", "seed": 3, "count": 2}, result)
    job.launch(Path("/weights"), 0)
    asked = ["--prompt=-a dog", "--seed=3", "--count=2", "--cfg=5", "--emphasis=none", "--width=128", "--height=64"]
    asked += ["--clip-skip=2", "--vae=/vae"]
    assert started == [command_of("sd_finetune", "sample", *named, *asked, "--out", str(job.run.path))]
    (entry,) = generated(project)
    assert (entry["prompt"], entry["with"], entry["images"]) == ("-a dog", "r" if result else "", [])


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("print('made')", ""),
        ("raise SystemExit('no such sampler')", "no such sampler"),
        ("raise SystemExit(3)", "Generating images failed with exit code 3: see"),
    ],
)
def test_the_end_of_the_command_is_told(tmp_path: Path, source: str, end: str) -> None:
    run = RunFolder(tmp_path)
    wait_for_images(run, start_process([sys.executable, "-c", source], run.log))
    (event,) = read_events(run.events)[0]
    assert isinstance(event, Error if end else Done)
    assert getattr(event, "message", "").startswith(end)
