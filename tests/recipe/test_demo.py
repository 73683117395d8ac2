"""The demo of every method from its first event to its table, shortened to two steps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sd_finetune.commands.demo import METHODS
from sd_finetune.commands.start import start
from sd_finetune.demo import run, score
from sd_finetune.demo.toys import TOYS
from sd_finetune.settings.duration import Duration
from sd_finetune.settings.methods import METHODS as ALL_METHODS
from sd_finetune.settings.options import Settings
from sd_finetune.training.worker import work

TOLD = r"^(result|loss plot|before/after|scores) +(\S.*)$"


def test_every_method_has_one() -> None:
    assert {method.replace("-", "_") for method in METHODS} == set(ALL_METHODS)


@pytest.mark.parametrize(("method", "family"), [*((method, "sd1") for method in METHODS), ("lora", "sdxl-v")])
def test_it_teaches_and_shows(
    method: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = TOYS[family].settings(method, tmp_path)

    def short() -> Settings:
        concept = replace(asked.concepts[0], class_images=2)
        class_images = replace(asked.class_images, steps=1, batch_size=2)
        return replace(
            asked,
            train=replace(asked.train, length=Duration(2, "steps")),
            schedule=replace(asked.schedule, warmup=Duration(0, "steps")),
            class_images=class_images,
            concepts=(concept,),
        )

    monkeypatch.setattr(run, "SCORED_IMAGES", 2)
    monkeypatch.setattr(run, "GRID_IMAGES", 1)
    monkeypatch.setattr(score, "SCORED_GENERATION", replace(score.SCORED_GENERATION, steps=2))
    # One of them in a process of its own, as the command does it for all of them alike.
    train = start if (method, family) == ("lora", "sd1") else lambda folder: work(folder.path, resume=False)
    assert run.run_demo(method, tmp_path, lambda folder: train(folder) == 0, short())
    told = dict(re.findall(TOLD, capsys.readouterr().out, re.M))
    assert asked.output.name in Path(told["result"]).name
    assert all(Path(file).is_file() for file in told.values())
    assert Image.open(told["before/after"]).width > 64
    assert "after training" in Path(told["scores"]).read_text()
