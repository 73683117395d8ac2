"""Of the results of earlier steps the latest are kept, and nothing that another run or program wrote is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toy import Toy, stopped_and_resumed

SAVED = {"output.save_every": "1 step", "train.length": "5 steps", "evaluation.every": "0"}


@pytest.mark.parametrize("method", ["lora", "dreambooth"])
def test_the_latest_are_kept(toy: Toy, tmp_path: Path, method: str) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "other-step000001.safetensors").write_text("of somebody else")
    toy.train({**SAVED, "method": method, "output.keep": 2, "output.folder": str(folder)})
    kept = ["toy", "toy-step000003", "toy-step000004"]
    configs = [f"{name}.yaml" for name in kept] if method == "dreambooth" else []
    names = {path.name for path in folder.iterdir() if path.suffix in (".safetensors", ".yaml")}
    assert names == {"other-step000001.safetensors", *(f"{name}.safetensors" for name in kept), *configs}


def test_folders_whose_names_have_a_dot_take_no_file_of_another_name_along(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "toy.yaml").write_text("of somebody else")
    asked = {"method": "dreambooth", "output.layout": "diffusers", "output.name": "toy.v1"}
    toy.train({**SAVED, **asked, "train.length": "3 steps", "output.keep": 1, "output.folder": str(folder)})
    assert sorted(path.name for path in folder.iterdir()) == ["toy.v1", "toy.v1-step000002", "toy.yaml"]


def test_those_of_a_pattern_are_kept_too(toy: Toy) -> None:
    pattern = "{step:03d} of {name} e{epoch}"
    training = toy.train({**SAVED, "output.keep": 2, "output.name_pattern": pattern, "train.batch_size": 3})
    assert sorted(path.name for path in training.run.output.glob("*.safetensors")) == [
        f"{step:03d} of toy e{step}.safetensors" for step in (3, 4, 5)
    ]


@pytest.mark.parametrize("every", ["1 step", "2 steps"])
def test_what_the_run_was_stopped_with_stays(toy: Toy, every: str) -> None:
    """With its card, also where a result of that step was to be removed."""
    pattern = {"output.name_pattern": "{name}-{step}", "output.save_every": every}
    training = stopped_and_resumed(toy, {**SAVED, **pattern, "output.keep": 1, "train.length": "9 steps"}, 3)
    names = {path.stem for path in training.run.output.glob("*.safetensors")}
    assert names == {"toy-3", "toy-8", "toy-9"}
    assert (training.run.output / "toy-3.json").is_file()


def test_all_are_kept_unless_asked(toy: Toy) -> None:
    training = toy.train(SAVED)
    assert len(list(training.run.output.glob("toy-step*"))) == 4
