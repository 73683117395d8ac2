from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from sd_finetune.errors import CannotWriteError
from sd_finetune.runs.json_lines import append_line, read_lines
from sd_finetune.runs.messages import (
    COMMANDS,
    CommandReader,
    Done,
    Error,
    Evaluation,
    Event,
    EventLog,
    Phase,
    Sample,
    Saved,
    Step,
    Warning_,
    command_position,
    note_end,
    parse_event,
    read_events,
    send_command,
    was_ended,
)

STEP = Step(
    step=3,
    total_steps=10,
    epoch=2,
    loss=0.5,
    instance_loss=0.25,
    prior_loss=None,
    learning_rates={"unet": 1e-4, "text_encoder": 5e-5},
    images_per_second=2.5,
    seconds_left=61.5,
    memory_bytes=2**31,
)
EVENTS: list[Event] = [
    Phase("encoding training images", 2, 5),
    STEP,
    Evaluation(10, 0.125),
    Sample(10, "samples/step-10.png", "a photo of sks dog", 7),
    Saved(10, "checkpoint", "/models/dog.safetensors"),
    Saved(10, "checkpoint", "/models/dog.safetensors", final=True),
    Warning_("image.png is broken and was left out"),
    Error("The folder is empty: add images."),
    Done(10, "stopped"),
]


def test_every_event_reads_back_as_it_was_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for event in EVENTS:
        log.append(event)
    assert read_events(log.path) == (EVENTS, log.path.stat().st_size)


def test_lines_hold_kind_and_time(tmp_path: Path) -> None:
    started = time.time()
    EventLog(tmp_path / "events.jsonl").append(Phase("loading", 0, 1))
    (line,), _ = read_lines(tmp_path / "events.jsonl")
    assert list(line) == ["kind", "time", "name", "done", "total"]
    assert line["kind"] == "phase"
    assert started <= line["time"] <= time.time()


def test_a_diverged_loss_reads_back_as_nan(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(Step(1, 2, 1, math.nan, math.inf, math.nan, {"unet": 1e-4}, 1.0, 1.0, 0))
    (event,), _ = read_events(log.path)
    assert isinstance(event, Step)
    assert event.prior_loss is not None
    assert math.isnan(event.loss)
    assert math.isnan(event.prior_loss)
    assert event.instance_loss == math.inf


def test_a_torn_last_event_is_not_lost(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(EVENTS[0])
    log.append(STEP)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-20])
    first, position = read_events(log.path)
    log.path.write_bytes(whole)
    assert first == EVENTS[:1]
    assert read_events(log.path, position)[0] == [STEP]


def test_events_of_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, {"kind": "hologram", "time": 1})
    append_line(path, {"kind": "done", "time": 1.0, "step": 3, "outcome": "finished", "mood": "good"})
    append_line(path, {"kind": "done", "time": 1.0})
    append_line(path, {"kind": "saved", "time": 2.0, "step": 3, "artefact": "lora", "path": "/dog.safetensors"})
    assert read_events(path)[0] == [Done(3, "finished", time=1.0), Saved(3, "lora", "/dog.safetensors", time=2.0)]
    with pytest.raises(ValueError, match="'hologram' is not a kind of event"):
        parse_event({"kind": "hologram"})
    with pytest.raises(ValueError, match=r"incomplete event: .*outcome"):
        parse_event({"kind": "done", "step": 3})


def test_commands_come_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    reader = CommandReader(path)
    assert reader.new() == []
    for name in COMMANDS:
        send_command(path, name)
    assert reader.new() == ["stop", "save", "sample", "pause", "resume"]
    assert reader.new() == []
    send_command(path, "save")
    assert reader.new() == ["save"]


def test_unknown_commands_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    append_line(path, {"command": "dance", "time": time.time()})
    append_line(path, {"other": 1})
    append_line(path, {"command": ["stop"], "time": time.time()})
    append_line(path, {"command": {"stop": 1}, "time": time.time()})
    send_command(path, "stop")
    assert CommandReader(path).new() == ["stop"]


def test_commands_of_an_earlier_run_are_left_out(tmp_path: Path) -> None:
    """Those before a place in the file: the clock may have gone back since."""
    path = tmp_path / "commands.jsonl"
    append_line(path, {"command": "stop", "time": 200.0})
    reader = CommandReader(path, command_position(path))
    append_line(path, {"command": "save", "time": 100.0})
    assert reader.new() == ["save"]


def test_a_file_of_commands_that_was_emptied_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    path.write_bytes(b"\0\0\n")
    reader = CommandReader(path, since=1000)
    send_command(path, "stop")
    assert reader.new() == ["stop"]


def test_who_was_ended(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    assert not was_ended(path, 12)
    note_end(path, 12)
    assert was_ended(path, 12)
    assert not was_ended(path, 13)
    assert CommandReader(path).new() == []


def test_a_full_disk_keeps_nobody_from_ending_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.runs.messages.append_line", full)
    note_end(tmp_path / "commands.jsonl", 12)
    assert not was_ended(tmp_path / "commands.jsonl", 12)


def full(*_: object) -> None:
    raise CannotWriteError("No space left on the disk.")


ODD_LINES = [
    b"",
    b"\0\0\0",
    b"null",
    b"[1, 2]",
    b"[" * 20_000,
    b'{"kind": ["x"]}',
    b'{"kind": {"x": 1}}',
    b'{"kind": "step", "step": "three"}',
    b'{"kind": "done", "time": "yesterday", "step": 1, "outcome": "finished"}',
    b'{"kind": "done", "step": "1", "outcome": "finished"}',
    b'{"kind": "done", "step": 1, "outcome": ["finished"]}',
    b'{"kind": "evaluation", "step": 1, "loss": 1' + b"0" * 400 + b"}",
    b'{"command": ["stop"]}',
    b'{"command": {"stop": 1}}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("line", ODD_LINES)
def test_an_odd_line_is_skipped(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(line + b"\n")
    EventLog(path).append(EVENTS[0])
    send_command(path, "save")
    path.write_bytes(path.read_bytes() + line + b"\0\0")
    EventLog(path).append(EVENTS[-1])
    assert read_events(path)[0] == [EVENTS[0], EVENTS[-1]]
    assert CommandReader(path).new() == ["save"]
    assert not was_ended(path, 1)
