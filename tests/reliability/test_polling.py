"""50 browsers follow one run at work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from sd_finetune.runs.json_lines import read_lines
from sd_finetune.ui.projects.project import Project
from tests.reliability.pages import Pages, Server, serving
from tests.screen import make_host, make_images, wait_until

PAGES = 50
MOST_SLOWER = 0.05
MOST_CPU = 0.08
"""Of one core, for all pages together: the most that polling can take away from a step, and some for a busy machine."""
MOST_BEHIND = 6.0
"""Seconds that a page is behind the run."""
WINDOW_SECONDS, WINDOWS = 8.0, 24


def begin(folder: Path, server: Server, steps: int, notes: str = "") -> str:
    """A run at work."""
    images = make_images(folder / "pictures")
    made = server.ask("example", {})
    settings = made["settings"]
    settings["concepts"] = [{"folder": str(images), "instance_prompt": "sks", "class_prompt": "a"}]
    settings["train"] |= {"length": f"{steps} steps", "device": "cpu"}
    settings["prior"]["weight"] = 0
    settings["samples"] |= {"every": "0", "at_start": False, "prompts": []}
    settings["evaluation"] = {"every": "0"}
    settings["output"]["notes"] = notes
    server.ask(f"projects/{made['name']}/settings", settings)
    return server.ask(f"projects/{made['name']}/train", {})["run"]


def steps_of(folder: Path, run: str) -> list[tuple[float, int]]:
    """When each step was done."""
    project = Project(make_host(folder).data_folder / "models" / "example-1")
    lines, _ = read_lines(project.runs / run / "events.jsonl")
    return [(line["time"], line["step"]) for line in lines if line.get("kind") == "step"]


def test_what_fifty_pages_cost(tmp_path: Path, measured: Callable[[str], None], long: bool) -> None:
    """Every page is kept up to date, for a small share of one core."""
    seconds = 30.0 if long else 5.0
    with serving(tmp_path, "fake_worker") as server:
        run = begin(tmp_path, server, 20 * 600, notes="slow")
        wait_until(lambda: steps_of(tmp_path, run))
        pages = Pages(server, "example-1", run, PAGES)
        pages.begin()
        time.sleep(5)  # until the pages have found their rhythm
        before, asked, began = server.cpu_seconds(), pages.asked, time.monotonic()
        time.sleep(seconds)
        used = (server.cpu_seconds() - before) / (time.monotonic() - began)
        asked = pages.asked - asked
        seen, (_, last) = dict(pages.latest), steps_of(tmp_path, run)[-1]
        pages.end()
        server.ask(f"projects/example-1/runs/{run}/command", {"command": "end"})
    assert len(seen) == PAGES
    assert last - min(seen.values()) < MOST_BEHIND / 0.05
    assert pages.slowest < (2 if long else 10)  # the machine may do other things besides
    assert used < MOST_CPU
    measured(f"{PAGES} pages ask {asked / seconds:.0f} times a second and take {100 * used:.1f} % of one core")


def test_the_time_of_a_step(
    tmp_path: Path, measured: Callable[[str], None], long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real worker, in windows by turns with and without pages, so that nothing else makes the difference."""
    if not long:
        pytest.skip("it takes three minutes: --long")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with serving(tmp_path) as server:
        run = begin(tmp_path, server, 100_000)
        wait_until(lambda: len(steps_of(tmp_path, run)) > 20)
        windows: list[tuple[bool, float, float]] = []
        for number in range(WINDOWS):
            pages = Pages(server, "example-1", run, PAGES if number % 2 else 0)
            pages.begin()
            time.sleep(1)
            began = time.time()
            time.sleep(WINDOW_SECONDS)
            windows.append((bool(number % 2), began, time.time()))
            pages.end()
        server.ask(f"projects/example-1/runs/{run}/command", {"command": "end"})
    steps = list(pairwise(at for at, _ in steps_of(tmp_path, run)))
    took: dict[bool, list[float]] = {False: [], True: []}
    for with_pages, first, last in windows:
        took[with_pages] += [end - began for began, end in steps if first < began and end < last]
    alone, polled = statistics.median(took[False]), statistics.median(took[True])
    slower = polled / alone - 1
    assert slower < MOST_SLOWER
    measured(f"a step takes {1000 * alone:.1f} ms alone and {1000 * polled:.1f} ms with them ({100 * slower:+.1f} %)")
