"""What lies beside a result for the WebUI's cards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sd_finetune.runs.messages import Sample, Warning_
from sd_finetune.sampling.generate import Drawn
from sd_finetune.training.loop import train
from sd_finetune.training.output.save import save_result
from tests.toy import Toy, events_of

LORA = {"output.name": "my dog", "samples.prompts": ["a star", "a ring"], "train.length": "2 steps"}


def made_beside(result: Path) -> set[str]:
    return {file.name for file in result.parent.iterdir()}


def test_the_latest_image_and_the_words_lie_beside_the_result(toy: Toy) -> None:
    training = toy.prepare({**LORA, "output.save_every": "1 step"})
    train(training)
    result = training.run.output / "my dog.safetensors"
    step = "my dog-step000001.safetensors"
    assert made_beside(result) == {result.name, step, "my dog.preview.png", "my dog.json"}
    preview = result.with_name("my dog.preview.png").read_bytes()
    assert preview == (training.run.samples / "step-000002-00.png").read_bytes()
    words = json.loads(result.with_name("my dog.json").read_text())
    assert words["activation text"] == training.settings.concepts[0].instance_prompt
    assert words["sd version"] == "SD1"


def test_the_trigger_phrase_takes_the_prompt_s_place(toy: Toy) -> None:
    training = toy.train({**LORA, "samples.prompts": [], "output.trigger_phrase": "zib star, happy"})
    words = json.loads((training.run.output / "my dog.json").read_text())
    assert words["activation text"] == "zib star, happy"


def test_a_person_s_own_words_are_kept(toy: Toy) -> None:
    training = toy.prepare({**LORA, "samples.prompts": []})
    words = training.run.output / "my dog.json"
    words.parent.mkdir(exist_ok=True)
    words.write_text("{}")
    result = save_result(training, 1, final=True)
    assert words.read_text() == "{}"
    assert made_beside(result) == {result.name, words.name}, "no sample, no image"


def test_a_sample_that_is_no_image_is_neither_kept_nor_shown(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was learned is saved all the same."""
    black = [Drawn(None, "is all black")]
    monkeypatch.setattr("sd_finetune.training.output.samples.draw_images", lambda *arguments: black)
    training = toy.train({**LORA, "samples.at_start": False})
    assert list(training.run.samples.iterdir()) == []
    assert events_of(training.run, Sample) == []
    (first, second) = events_of(training.run, Warning_)
    assert first.message.startswith(
        "The sample of 'a star' after 2 steps is not kept. The image of seed 0 is all black"
    )
    assert "'a ring'" in second.message
    assert sorted(path.name for path in training.run.output.iterdir()) == ["my dog.json", "my dog.safetensors"]
