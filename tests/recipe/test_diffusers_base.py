"""Runs that start from a model in diffusers' layout, or end in one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sd_finetune.__main__ import main
from sd_finetune.errors import UserError
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.messages import Saved
from sd_finetune.runs.resumable import refuse_to_resume
from sd_finetune.training.setup import prepare
from sd_finetune.ui.live.results import describe_result
from sd_finetune.ui.live.run_view import Views
from tests.diffusers_folders import change_json, save_folder
from tests.screen import make_host
from tests.toy import Toy, events_of, make_toy, train_and_command, trained


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_run_is_as_one_from_the_file(tmp_path: Path, family: str) -> None:
    """The result too: an ordinary checkpoint, equal to the other to the bit."""
    toy = make_toy(tmp_path, family=family)
    asked = {"method": "dreambooth", "train.train_text_encoder": True, "output.precision": "fp16"}
    results = []
    for own in (toy, replace(toy, checkpoint=save_folder(toy.checkpoint, tmp_path / "a model v1.5"))):
        training = own.train(asked)
        results.append((trained(training), read_checkpoint(Path(events_of(training.run, Saved)[-1].path)).tensors))
    for one, other in zip(*results, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_run_is_resumed_from_the_same_folder_alone(toy: Toy, tmp_path: Path) -> None:
    folder = save_folder(toy.checkpoint, tmp_path / "model")
    training = replace(toy, checkpoint=folder).prepare({"train.length": "4 steps"})
    train_and_command(training, 2, "stop")
    run = training.run
    assert json.loads(run.base.read_text())["path"] == str(folder.resolve())
    refuse_to_resume(run)
    resumed = prepare(run, resume=True)
    assert resumed.first_step == 2
    change_json(folder / "scheduler" / "scheduler_config.json", {"prediction_type": "v_prediction"})
    with pytest.raises(UserError, match="another file than the one"):
        refuse_to_resume(run)


def test_results_are_folders(toy: Toy) -> None:
    """Those of earlier steps too, of which the latest are kept; training goes on from them, and the tab shows them."""
    asked = {
        "method": "dreambooth",
        "output.layout": "diffusers",
        "train.length": "3 steps",
        "output.precision": "bf16",
    }
    training = toy.train({**asked, "output.name": "my v1.5", "output.save_every": "1 step", "output.keep": 1})
    expected = toy.train({**asked, "output.layout": "file"})
    saved = [Path(event.path) for event in events_of(training.run, Saved)]
    assert sorted(training.run.output.iterdir()) == [saved[-1], saved[-2]]
    assert [path.name for path in saved[-2:]] == ["my v1.5-step000002", "my v1.5"]
    found, file = (read_checkpoint(Path(events_of(run, Saved)[-1].path)) for run in (training.run, expected.run))
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in file.tensors.items())
    shown = Views().of(training.run).results()
    assert [entry["path"] for entry in shown] == [str(path) for path in saved[-2:]]
    told = describe_result(make_host(toy.home), shown[-1], None)
    assert told["bytes"] > 100_000
    assert "convert --checkpoint" in told["sentence"]
    on = toy.prepare({**asked, "base.continue_from": str(saved[-1])})
    assert torch.equal(trained(on)["unet.conv_in.bias"].bfloat16(), found.parts["unet"]["conv_in.bias"])


def test_convert_there_and_back(toy: Toy, tmp_path: Path) -> None:
    folder, back = tmp_path / "a model", tmp_path / "back.safetensors"
    assert main(["convert", "--checkpoint", str(toy.checkpoint), "--out", str(folder)]) == 0
    assert main(["convert", "--checkpoint", str(folder), "--out", str(back)]) == 0
    first, second = read_checkpoint(toy.checkpoint), read_checkpoint(back)
    assert first.architecture == second.architecture
    assert all(torch.equal(second.tensors[name], tensor) for name, tensor in first.tensors.items())
    assert main(["convert", "--checkpoint", str(back), "--out", str(folder)]) == 2
