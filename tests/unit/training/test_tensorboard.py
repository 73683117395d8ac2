"""What a run writes for TensorBoard, read by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Evaluation, Event, EventLog, Sample, Step, Warning_, read_events
from sd_finetune.training.tensorboard import TensorBoard

tensorboard = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def step(number: int, loss: float, prior: float | None = 0.5) -> Step:
    rates = {"unet": number * 1e-4}
    return Step(number, 4, 0, loss, loss / 2, prior, rates, images_per_second=2.0, seconds_left=1.0, memory_bytes=0)


def write(run: RunFolder, *events: Event, first_step: int = 0) -> EventLog:
    log = EventLog(run.events)
    log.listeners.append(TensorBoard(run, log, first_step).show)
    for event in events:
        log.append(event)
    return log


def read(run: RunFolder) -> Any:
    found = tensorboard.EventAccumulator(str(run.tensorboard))
    found.Reload()
    return found


def scalars(run: RunFolder, name: str) -> list[tuple[int, float]]:
    return [(each.step, pytest.approx(each.value)) for each in read(run).Scalars(name)]


def test_losses_rates_and_samples_are_there(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    Image.new("RGB", (8, 4), "red").save(tmp_path / "1.png")
    sample = Sample(2, "1.png", "a <b> star", 7)
    write(run, step(1, 0.4), step(2, 0.3), Evaluation(2, 0.25), sample, Done(2, "finished"))
    assert scalars(run, "loss/total") == [(1, 0.4), (2, 0.3)]
    assert scalars(run, "loss/instance") == [(1, 0.2), (2, 0.15)]
    assert scalars(run, "loss/prior") == [(1, 0.5), (2, 0.5)]
    assert scalars(run, "loss/evaluation") == [(2, 0.25)]
    assert scalars(run, "learning rate/unet") == [(1, 1e-4), (2, 2e-4)]
    [image] = read(run).Images("a <b> star (7)")
    assert (image.step, image.width, image.height) == (2, 8, 4)


def test_a_run_without_prior_has_no_curve_of_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write(run, step(1, 0.4, prior=None), Done(1, "finished"))
    assert "loss/prior" not in read(run).Tags()["scalars"]


def test_steps_that_are_repeated_take_the_place_of_the_former_ones(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write(run, *(step(number, 0.1 * number) for number in (1, 2, 3)), Done(3, "stopped"))
    write(run, step(3, 0.7), step(4, 0.8), Done(4, "finished"), first_step=2)
    assert scalars(run, "loss/total") == [(1, 0.1), (2, 0.2), (3, 0.7), (4, 0.8)]


def test_what_cannot_be_written_ends_it_with_a_warning(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    log = write(run, step(1, 0.4), Sample(1, "missing.png", "a star", 7), step(2, 0.3), Done(2, "finished"))
    events, _ = read_events(log.path)
    assert [event.kind for event in events] == ["step", "sample", "warning", "step", "done"]
    [told] = [event for event in events if isinstance(event, Warning_)]
    assert told.message.endswith("so TensorBoard gets no more. loss.csv goes on.")
