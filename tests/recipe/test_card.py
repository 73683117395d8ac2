"""What lies beside a result for the WebUI's cards."""

from __future__ import annotations

import json
from pathlib import Path

from sd_finetune.training.loop import train
from sd_finetune.training.output.save import save_result
from tests.toy import Toy

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


def test_a_person_s_own_words_are_kept(toy: Toy) -> None:
    training = toy.prepare({**LORA, "samples.prompts": []})
    words = training.run.output / "my dog.json"
    words.parent.mkdir(exist_ok=True)
    words.write_text("{}")
    result = save_result(training, 1, final=True)
    assert words.read_text() == "{}"
    assert made_beside(result) == {result.name, words.name}, "no sample, no image"
