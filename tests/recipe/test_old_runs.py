"""Runs of version 0.1.0 go on: their settings have the names of then and no version."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Evaluation, Saved
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.toy import Toy, events_of, train_and_command

OLD_NAMES = {
    "textual_inversion": {"own_templates": "sentences", "format": "form"},
    "evaluation": {"images": "pictures", "timesteps": "draws"},
}


def make_old(run: RunFolder) -> None:
    content: dict[str, Any] = json.loads(run.settings.read_text(encoding="utf-8"))
    del content["version"]
    for group, names in OLD_NAMES.items():
        content[group] = {names.get(name, name): value for name, value in content[group].items()}
    run.settings.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("method", ["lora", "textual_inversion"])
def test_a_stopped_run_is_resumed(toy: Toy, method: str) -> None:
    changes = {
        "method": method,
        "output.name": "zib-7",
        "train.length": "3 steps",
        "evaluation.every": "1 step",
        "evaluation.images": 2,
        "evaluation.timesteps": 3,
        "textual_inversion.template": "own",
        "textual_inversion.own_templates": ["a [name]"],
        "textual_inversion.format": "pt",
    }
    whole = toy.train(changes)
    run = toy.run(changes)
    train_and_command(prepare(run, resume=False), 1, "stop")
    make_old(run)
    assert "pictures" in json.loads(run.settings.read_text(encoding="utf-8"))["evaluation"]
    assert work(run.path, resume=True) == 0
    assert events_of(run, Done)[-1].outcome == "finished"
    losses = {event.step: event.loss for event in events_of(run, Evaluation)}
    expected = {event.step: event.loss for event in events_of(whole.run, Evaluation)}
    assert losses == {step: loss for step, loss in expected.items() if step != 1}, "told to stop, it does nothing else"
    assert (events_of(run, Saved)[-1].path.endswith(".pt")) == (method == "textual_inversion")
