"""Two runs that were given the same folder and name: neither loses a result to the other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Saved, Warning_
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.worker import work
from tests.toy import Toy, events_of, train_and_command

PLAIN = {"evaluation.every": "0", "train.length": "3 steps"}
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora"},
    "dreambooth": {"method": "dreambooth"},
    "folder": {"method": "dreambooth", "output.layout": "diffusers", "output.name": "toy.v1"},
}


def saved(run: RunFolder) -> list[str]:
    return [Path(event.path).name for event in events_of(run, Saved)]


def about_names(run: RunFolder) -> list[str]:
    return [event.message for event in events_of(run, Warning_) if "this result is saved as" in event.message]


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once_keep_both_results(toy: Toy, tmp_path: Path, kind: str) -> None:
    asked = {**PLAIN, **KINDS[kind], "output.folder": str(tmp_path)}
    first, second = toy.prepare(asked), toy.prepare({**asked, "train.seed": 5})
    train(first)
    there = bytes_in(tmp_path)
    train(second)
    name = Path(events_of(first.run, Saved)[0].path).name
    stem, ending = (name, "") if kind == "folder" else ("toy", ".safetensors")
    assert saved(second.run) == [f"{stem}-2{ending}"]
    now = bytes_in(tmp_path)
    assert {file: now.get(file) for file in there} == there
    assert any(file.startswith(f"{stem}-2") for file in now)
    (told,) = about_names(second.run)
    assert told.startswith(f"{tmp_path / name} is not the file of this run, or was changed")
    assert told.endswith(f"this result is saved as {stem}-2{ending}.")


def test_of_those_on_the_way_each_removes_its_own(toy: Toy, tmp_path: Path) -> None:
    asked = {**PLAIN, "output.folder": str(tmp_path), "output.save_every": "1 step", "train.length": "4 steps"}
    first, second = toy.prepare(asked), toy.prepare({**asked, "output.keep": 1})
    train(first)
    there = bytes_in(tmp_path)
    train(second)
    steps = [f"toy-step{step:06d}" for step in (1, 2, 3)]
    assert saved(second.run) == [*(f"{step}-2.safetensors" for step in steps), "toy-2.safetensors"]
    now = bytes_in(tmp_path)
    assert {file: now.get(file) for file in there} == there
    own = {file for file in now if file.endswith(".safetensors")} - there.keys()
    assert own == {"toy-step000003-2.safetensors", "toy-2.safetensors"}


def test_what_was_put_under_the_name_of_an_older_result_is_not_removed(toy: Toy, tmp_path: Path) -> None:
    asked = {"output.folder": str(tmp_path), "output.save_every": "1 step", "output.keep": 1, "train.length": "5 steps"}
    training, name = toy.prepare({**PLAIN, **asked}), "toy-step000001.safetensors"
    train_and_command(training, 2, "stop")
    (tmp_path / name).write_bytes(b"somebody's")
    assert work(training.run.path, resume=True) == 0
    there = {path.name for path in tmp_path.glob("*.safetensors")}
    assert there == {name, "toy-step000004.safetensors", "toy.safetensors"}
    assert (tmp_path / name).read_bytes() == b"somebody's"


def stopped(toy: Toy, folder: Path) -> RunFolder:
    run = toy.run({**PLAIN, "output.folder": str(folder)})
    train_and_command(prepare(run, resume=False), 1, "stop")
    return run


def forget_what_is_known(run: RunFolder) -> None:
    """As a run of an earlier version, whose events do not say what its files are known by."""
    lines = [json.loads(line) for line in run.events.read_text(encoding="utf-8").splitlines()]
    known = ("size", "modified")
    own = [{name: value for name, value in line.items() if name not in known} for line in lines]
    run.events.write_text("".join(f"{json.dumps(line)}\n" for line in own), encoding="utf-8")


@pytest.mark.parametrize("is_old", [False, True])
def test_a_resumed_run_knows_its_own_file(toy: Toy, tmp_path: Path, is_old: bool) -> None:
    run = stopped(toy, tmp_path)
    if is_old:
        forget_what_is_known(run)
    early = (tmp_path / "toy.safetensors").read_bytes()
    assert work(run.path, resume=True) == 0
    assert set(saved(run)) == {"toy.safetensors"}
    assert (tmp_path / "toy.safetensors").read_bytes() != early
    assert not about_names(run)


@pytest.mark.parametrize("is_old", [False, True])
def test_a_resumed_run_leaves_the_file_of_another(toy: Toy, tmp_path: Path, is_old: bool) -> None:
    run = stopped(toy, tmp_path)
    if is_old:
        forget_what_is_known(run)
    (tmp_path / "toy.safetensors").rename(tmp_path / "moved.safetensors")
    other = toy.train({**PLAIN, "output.folder": str(tmp_path)})
    assert saved(other.run) == ["toy.safetensors"]
    later = events_of(run, Saved)[-1].time + 3600
    os.utime(tmp_path / "toy.safetensors", (later, later))
    theirs = (tmp_path / "toy.safetensors").read_bytes()
    assert work(run.path, resume=True) == 0
    assert (tmp_path / "toy.safetensors").read_bytes() == theirs
    assert saved(run)[-1] == "toy-2.safetensors"
    assert len(about_names(run)) == 1


def test_a_number_once_given_stays(toy: Toy, tmp_path: Path) -> None:
    training = toy.prepare({**PLAIN, "output.folder": str(tmp_path)})
    (tmp_path / "toy.safetensors").write_bytes(b"somebody's")
    train_and_command(training, 1, "stop")
    assert work(training.run.path, resume=True) == 0
    assert set(saved(training.run)) == {"toy-2.safetensors"}


def test_a_word_that_gets_another_name_is_told(toy: Toy, tmp_path: Path) -> None:
    asked = {**PLAIN, "method": "textual_inversion", "output.folder": str(tmp_path), "output.name": "zib-7"}
    training = toy.prepare(asked)
    (tmp_path / "zib-7.safetensors").write_bytes(b"somebody's")
    train(training)
    assert saved(training.run) == ["zib-7-2.safetensors"]
    (told,) = about_names(training.run)
    assert told.endswith('In the WebUI\'s prompts its word is "zib-7-2".')
