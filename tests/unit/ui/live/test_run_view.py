from __future__ import annotations

import os
from pathlib import Path

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.json_lines import append_line
from sd_finetune.runs.messages import (
    Done,
    Error,
    Evaluation,
    EventLog,
    Phase,
    Sample,
    Saved,
    Step,
    Warning_,
    command_position,
    send_command,
)
from sd_finetune.runs.worker_process import note_worker
from sd_finetune.ui.live.run_view import RunView


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All events are read at once, however slow the machine is."""
    monkeypatch.setattr("sd_finetune.ui.live.run_view.READING_SECONDS", 60)


@pytest.fixture
def log(run: RunFolder) -> EventLog:
    return EventLog(run.events)


def step(number: int, loss: float = 0.5, prior: float | None = 0.25) -> Step:
    rates = {"unet": 1e-4, "text_encoder": 5e-5}
    return Step(number, 10, 0, loss, loss / 2, prior, rates, 3.0, 7.0, 1000)


@pytest.mark.usefixtures("unhurried")
def test_what_a_run_told(run: RunFolder, log: EventLog) -> None:
    for event in (
        Phase("loading", 0, 1),
        Phase("training", 0, 10),
        Evaluation(0, 0.75),
        Sample(0, "samples/a.png", "a dog", 3),
        step(1),
        step(2, loss=0.25, prior=None),
        Warning_("look"),
        Saved(2, "lora", "/x/dog.safetensors"),
    ):
        log.append(event)
    told = RunView(run).status(0)
    assert told["state"] == "running"
    assert (told["phase"]["name"], told["step"]["step"]) == ("training", 2)
    assert told["rates"] == ["unet", "text_encoder"]
    assert told["points"] == [[1, 0.5, 0.25, 0.25, 1e-4, 5e-5], [2, 0.25, 0.125, None, 1e-4, 5e-5]]
    assert told["evaluations"] == [[0, 0.75]]
    assert [entry["prompt"] for entry in told["samples"]] == ["a dog"]
    assert [entry["message"] for entry in told["warnings"]] == ["look"]
    assert [entry["path"] for entry in told["saved"]] == ["/x/dog.safetensors"]
    assert (told["since"], told["more"]) == (8, False)


def test_the_results_of_a_run_of_an_earlier_version(run: RunFolder) -> None:
    for kind in ("snapshot", "lora"):
        append_line(run.events, {"kind": "saved", "time": 1.0, "step": 2, "artefact": kind, "path": f"/x/{kind}"})
    assert [(entry["result"], entry["path"]) for entry in RunView(run).results()] == [("lora", "/x/lora")]


@pytest.mark.usefixtures("unhurried")
def test_since_n_brings_only_what_is_new(run: RunFolder, log: EventLog) -> None:
    log.append(step(1))
    view = RunView(run)
    since = view.status(0)["since"]
    log.append(step(2))
    log.append(Sample(2, "samples/b.png", "a dog", 3))
    told = view.status(since)
    assert [point[0] for point in told["points"]] == [2]
    assert len(told["samples"]) == 1
    assert not told["reset"]
    assert view.status(told["since"])["points"] == []


def test_a_reader_that_knows_more_than_there_is_begins_anew(run: RunFolder, log: EventLog) -> None:
    log.append(step(1))
    told = RunView(run).status(500)
    assert told["reset"]
    assert [point[0] for point in told["points"]] == [1]


@pytest.mark.parametrize(
    ("last", "state"),
    [(Done(1, "finished"), "finished"), (Done(1, "stopped"), "stopped"), (Error("no memory"), "failed")],
)
def test_how_it_ended(run: RunFolder, log: EventLog, last: Done | Error, state: str) -> None:
    log.append(step(1))
    log.append(last)
    told = RunView(run).status(0)
    assert told["state"] == state
    assert told["end"]["kind"] == last.kind


def test_a_resumed_run_is_running_again(run: RunFolder, log: EventLog) -> None:
    for event in (step(1), step(2), step(3), Done(3, "stopped"), Phase("loading", 0, 1), step(3, loss=0.125)):
        log.append(event)
    told = RunView(run).status(0)
    assert (told["state"], told["end"]) == ("running", None)
    assert [point[:2] for point in told["points"]] == [[1, 0.5], [2, 0.5], [3, 0.125]]


@pytest.mark.parametrize(
    ("commands", "asked"),
    [([], ""), (["pause"], "pause"), (["pause", "resume"], ""), (["pause", "stop"], "stop"), (["save"], "")],
)
def test_what_was_asked_of_it(run: RunFolder, log: EventLog, commands: list[str], asked: str) -> None:
    send_command(run.commands, "stop")  # for an earlier worker in the same folder
    note_worker(run, os.getpid(), 0, command_position(run.commands))
    log.append(Phase("loading", 0, 1))
    log.append(step(1))
    for command in commands:
        send_command(run.commands, command)  # type: ignore[arg-type]
    assert RunView(run).status(0)["asked"] == asked


def test_a_long_file_is_read_piece_by_piece(run: RunFolder, log: EventLog) -> None:
    line = '{"kind":"step","step":%d,"total_steps":12000,"epoch":0,"loss":1,"instance_loss":1,"prior_loss":null,'
    line += '"learning_rates":{"unet":1e-4},"images_per_second":1,"seconds_left":1,"memory_bytes":1,"time":1}\n'
    with run.events.open("w") as file:
        file.writelines(line % number for number in range(1, 12_001))
    view = RunView(run)
    told = view.status(0)
    assert told["more"]
    while told["more"]:
        told = view.status(told["since"])
    assert (told["since"], told["step"]["step"]) == (12_000, 12_000)


def test_what_is_done_is_over_with_the_next_step(run: RunFolder, log: EventLog) -> None:
    view = RunView(run)
    for event, phase in (
        (Phase("training", 0, 10), ("training", 0, 10)),
        (step(4), ("training", 4, 10)),
        (Phase("saving", 0, 1), ("saving", 0, 1)),
        (Saved(4, "lora", "/x/dog.safetensors"), ("saving", 0, 1)),
        (step(5), ("training", 5, 10)),
    ):
        log.append(event)
        told = view.phase()
        assert told is not None
        assert (told["name"], told["done"], told["total"]) == phase


def test_a_file_that_is_saved_again_is_one_result(run: RunFolder, log: EventLog) -> None:
    names = ["dog.safetensors", "dog-step4.safetensors", "dog.safetensors"]
    for number, name in enumerate(names, 3):
        run.output.mkdir(exist_ok=True)
        (run.output / name).touch()
        log.append(Saved(number, "lora", str(run.output / name)))
    found = [(Path(entry["path"]).name, entry["step"]) for entry in RunView(run).results()]
    assert found == [("dog-step4.safetensors", 4), ("dog.safetensors", 5)]


def test_results_of_earlier_steps_that_are_gone_are_left_out(run: RunFolder, log: EventLog) -> None:
    for number, name in enumerate(["dog-step3.safetensors", "dog-step4.safetensors", "dog.safetensors"], 3):
        log.append(Saved(number, "lora", str(run.output / name)))
    assert [Path(entry["path"]).name for entry in RunView(run).results()] == ["dog.safetensors"]


def test_its_last_event(run: RunFolder, log: EventLog) -> None:
    view = RunView(run)
    assert view.end() == {}
    log.append(Error("It broke."))
    assert view.end()["message"] == "It broke."
    log.append(Phase("loading", 0, 1))
    assert view.end() == {}
