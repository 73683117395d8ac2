"""One row: our steps in turns with the barest ones, and a whole run as a process of its own."""

from __future__ import annotations

import gc
import re
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import psutil
import torch
from accelerate.state import AcceleratorState

from sd_finetune.formats.known_base import memory_of
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launch import start_worker
from sd_finetune.runs.messages import Error, Saved, Step, Warning_, read_events
from sd_finetune.settings.availability import why_unavailable
from sd_finetune.settings.options import Settings
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.vram.estimate import needed_bytes

from .cases import Case, settings_for
from .floor import BarestStep
from .machine import limited_to, wait_for
from .material import SIZES
from .turns import OurSteps

GIB = 2**30


@dataclass(frozen=True)
class Amount:
    """How much of a row is done: steps to warm up, turns, and steps in each turn, after which a GPU is waited for."""

    warm_up: int
    turns: int
    steps: int
    parts: int
    """Steps in which the parts are told apart."""


def amount(size: str, device: str, quick: bool) -> Amount:
    if quick:
        return Amount(1, 2, 1, 1)
    if device == "cuda":
        return Amount(5, 3, 5, 3)
    return Amount(2, 25, 1, 5) if SIZES[size].is_small else Amount(1, 1, 1, 1)


@dataclass
class Row:
    """What was measured of a case; None where it was not. ms a step, GiB, seconds."""

    size: str
    method: str
    preset: str
    batch: int
    precision: str
    limit_gb: int = 0
    images_per_second: float | None = None
    step_ms: float | None = None
    floor_ms: float | None = None
    ratio: float | None = None
    """Ours / floor, the median of all turns."""
    ratio_cpu: float | None = None
    """The same in CPU seconds of this process; nothing to tell on a GPU."""
    parts_ms: dict[str, float] = field(default_factory=dict)
    peak_gib: float | None = None
    """VRAM reserved on a GPU, else resident memory of a run of its own."""
    estimate_gib: float | None = None
    """What is told before training."""
    start_s: float | None = None
    """From the start of the worker's process to the end of the first step."""
    save_s: float | None = None
    flop: int | None = None
    remark: str = ""

    @property
    def failed(self) -> bool:
        return self.remark.startswith("FAILED")


def row_of(case: Case) -> Row:
    return Row(case.size, case.method, case.preset, case.batch, case.precision, case.limit_gb)


def measure(case: Case, home: Path, device: str, whole: bool, quick: bool) -> Row:
    """The row of a case. whole: also do a run in a process of its own."""
    row, how_much = row_of(case), amount(case.size, device, quick)
    settings = settings_for(case, home, steps=100_000)
    row.remark = why_unavailable("optimizer.name", settings.optimizer.name, device == "cuda")
    if row.remark:
        return row
    if device == "cuda" and not SIZES[case.size].is_small:
        row.estimate_gib = needed_bytes(settings, memory_of(settings)) / GIB
    try:
        with limited_to(case.limit_gb, device):
            if case.limit_gb:
                _run_within_limit(case, home, row)
            else:
                _take_turns(settings, home, row, how_much, device)
        if whole:
            _run_whole(settings_for(case, home, steps=2), home, row)
    except torch.cuda.OutOfMemoryError:
        row.remark = "FAILED: out of memory"
    except Exception as error:  # the other rows are still worth their time
        row.remark = f"FAILED: {type(error).__name__}: {error}"
    return row


def _take_turns(settings: Settings, home: Path, row: Row, how_much: Amount, device: str) -> None:
    _forget(device)
    training = prepare(RunFolder.create(home / "runs", "turns", settings), resume=False)
    barest = BarestStep(training, device)
    ours = OurSteps(training, device)
    floor = partial(_in_the_loops_thread, ours, barest)
    try:
        ours(how_much.warm_up)
        if device == "cuda":
            row.peak_gib = torch.cuda.max_memory_reserved() / GIB
        floor(how_much.warm_up)
        pairs = [(_took(ours, how_much), _took(floor, how_much)) for _ in range(how_much.turns)]
        row.parts_ms = ours.parts(how_much.parts)
        row.flop = barest.flop()
        row.remark = _warnings(training)
    finally:
        ours.end()
        del floor, barest, ours, training
        _forget(device)
    _fill_in(row, pairs, device)


def _warnings(training: Training) -> str:
    """What the run warned of, such as that it is not captured."""
    return " ".join(event.message for event in read_events(training.run.events)[0] if isinstance(event, Warning_))


def _in_the_loops_thread(ours: OurSteps, barest: BarestStep, steps: int) -> None:
    ours.between(partial(barest, steps))


class Took(NamedTuple):
    """Of one step, in seconds."""

    clock: float
    cpu: float


def _took(step: Callable[[int], None], how_much: Amount) -> Took:
    """Of a step of a turn."""
    clock, cpu = time.perf_counter(), time.process_time()
    step(how_much.steps)
    return Took((time.perf_counter() - clock) / how_much.steps, (time.process_time() - cpu) / how_much.steps)


def _fill_in(row: Row, pairs: list[tuple[Took, Took]], device: str) -> None:
    """What all turns amount to; each is a step of ours and the barest one after it."""
    seconds = statistics.median(ours.clock for ours, _ in pairs)
    row.images_per_second, row.step_ms = row.batch / seconds, 1000 * seconds
    row.floor_ms = 1000 * statistics.median(barest.clock for _, barest in pairs)
    row.ratio = statistics.median(ours.clock / barest.clock for ours, barest in pairs)
    if device == "cpu":
        row.ratio_cpu = statistics.median(ours.cpu / barest.cpu for ours, barest in pairs)


def _run_within_limit(case: Case, home: Path, row: Row) -> None:
    """A run to its end with a sample and a snapshot: only whether it fits, and its peak."""
    _forget("cuda")
    training = prepare(RunFolder.create(home / "runs", "limit", settings_for(case, home, steps=5)), resume=False)
    before = torch.cuda.max_memory_reserved()  # steps begin anew
    outcome = train(training)
    if isinstance(outcome, Error):
        raise RuntimeError(outcome.message)
    of_steps = [event.memory_bytes for event in read_events(training.run.events)[0] if isinstance(event, Step)]
    row.peak_gib = max(before, *of_steps, torch.cuda.max_memory_reserved()) / GIB
    del training
    _forget("cuda")


def _run_whole(settings: Settings, home: Path, row: Row) -> None:
    """A worker as the tab starts it."""
    run = RunFolder.create(home / "runs", "whole", settings)
    started = time.time()
    process = start_worker(run, owned=False)
    peak = _peak_bytes(process)
    events, _ = read_events(run.events)
    steps, saved = ([e for e in events if isinstance(e, kind)] for kind in (Step, Saved))
    if process.returncode or not saved:
        raise RuntimeError(run.log.read_text(encoding="utf-8")[-500:])
    row.start_s, row.save_s = steps[0].time - started, saved[-1].time - steps[-1].time
    if row.peak_gib is None:
        row.peak_gib = peak / GIB


def _peak_bytes(process: Popen[bytes]) -> int:
    """Wait for the process; the resident memory that it had at most."""
    peak, watched = 0, psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, _resident_bytes(watched))
        time.sleep(0.05)
    return peak


def _resident_bytes(process: psutil.Process) -> int:
    """At most so far, where the system tells that, else now; 0 of a process that has ended."""
    with suppress(OSError, psutil.Error):  # not getrusage, which begins with the memory of the process that started it
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))
            return 1024 * int(found[1]) if found else 0
        memory = process.memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    return 0


def _forget(device: str) -> None:
    """Free what the last row had."""
    gc.collect()
    AcceleratorState._reset_state(True)  # accelerate keeps one precision per process
    if device == "cuda":
        wait_for(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
