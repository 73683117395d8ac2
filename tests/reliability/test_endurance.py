"""Memory, handles and threads stay as they are, however long a run is and however many runs a server has seen."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sd_finetune.runs.launch import start_worker
from sd_finetune.runs.messages import Done
from sd_finetune.runs.owner import own
from sd_finetune.runs.state import state_of
from sd_finetune.ui.jobs.training import train_job
from tests.screen import Screen, make_screen, wait_until
from tests.toy import ROWS, Toy, events_of

FLAT = 1.03
"""Most growth of anything between an early and the last reading."""


@dataclass(frozen=True)
class Reading:
    """What a process holds: bytes of memory, open files and other handles, threads."""

    memory: int
    handles: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Reading:
        handles = process.num_handles() if psutil.WINDOWS else process.num_fds()
        return cls(process.memory_info().rss, handles, process.num_threads())

    def grown(self, since: Reading) -> float:
        return max(self.memory / since.memory, self.handles / since.handles, self.threads / since.threads)

    def __str__(self) -> str:
        return f"{self.memory / 2**20:.0f} MB, {self.handles} handles, {self.threads} threads"


def fewest(readings: list[Reading]) -> Reading:
    """Of readings in a row: while a file is written there is a handle more for a moment."""
    return min(readings, key=lambda reading: (reading.handles, reading.threads))


def test_many_steps_in_one_run(toy: Toy, long: bool, measured: Callable[[str], None]) -> None:
    steps = 20_000 if long else 100
    cheapest = {**ROWS["textual_inversion"], "snapshots.every": f"{steps // 10} steps"}
    run = toy.run({**cheapest, "train.length": f"{steps} steps"})
    readings: list[tuple[int, Reading]] = []
    with own(run):
        worker = start_worker(run)
        process = psutil.Process(worker.pid)
        while worker.poll() is None:
            state = state_of(run)
            try:
                if state.name == "running" and state.step > (readings[-1][0] if readings else 0):
                    readings.append((state.step, Reading.of(process)))
            except psutil.Error:
                break
            time.sleep(2 if long else 0.1)
        assert worker.wait() == 0, run.log.read_text()
    (done,) = events_of(run, Done)
    assert (done.step, done.outcome) == (steps, "finished")
    early, last = (
        fewest([each for step, each in readings if step >= steps // 10][:5]),
        fewest([each for _, each in readings][-5:]),
    )
    if long:  # within a few steps torch's own pools still grow
        assert last.grown(early) < FLAT, f"{early} became {last}"
    assert (last.handles, last.threads) == (early.handles, early.threads)
    measured(f"{steps:,} steps in one run: {early} after {steps // 10:,} steps, {last} at the end")


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Screen:
    return make_screen(tmp_path, monkeypatch)


def test_many_runs_on_one_server(screen: Screen, long: bool, measured: Callable[[str], None]) -> None:
    """Runs with a worker that only pretends: the server is what is measured."""
    runs = 200 if long else 12
    context = screen.context
    project = context.project("dog")
    process, readings = psutil.Process(), []
    for _ in range(runs):
        job = context.runner.start(lambda: train_job(context.host, project))
        wait_until(lambda: context.runner.current() is None)
        assert events_of(job.run, Done)[-1].outcome == "finished"
        context.views.of(job.run).status(0)
        wait_until(lambda: not [t for t in threading.enumerate() if t.name == "sd-finetune"])
        gc.collect()
        readings.append(Reading.of(process))
    early, last = readings[runs // 10], readings[-1]
    assert last.grown(early) < FLAT, f"{early} became {last}"
    assert len(project.run_names()) == runs
    measured(f"{runs} runs on one server: {early} after {runs // 10}, {last} after all")
