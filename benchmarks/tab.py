"""What the tab costs: from the click on Train to the first step, a long run's status, the page's memory, Create Model.

    python -m benchmarks.tab [--out tab.json]

Prints one table with each figure's goal and writes one JSON. A server of its own (`python -m sd_finetune ui`) is asked
over HTTP and by a page in Chromium, which Playwright drives. Needs about 3 GB of disk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Step, read_events
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.projects.project import Project

HOME = Path(__file__).parents[1]
STEPS = 100_000
WATCHED = (2000, 10_000, 30_000, 60_000, STEPS)
CHECKPOINT_BYTES = 2_130_000_000
PATIENCE_MS = 120_000
KEPT_SECONDS = 2
GOALS = {
    "from the click on Train to the first step, s": 12,
    "status of one new step at 100,000, median ms": 20,
    "status of one new step at 100,000, 95 of 100, ms": 20,
    "status of everything at 100,000 steps, median ms": 20,
    "Create Model on 2.1 GB, s": 2,
    "page memory at 100,000 over that at 2,000 steps": 1.25,
}
STEP_LINE = (
    '{"kind": "step", "time": 1.0, "step": %d, "total_steps": 100000, "epoch": 3, "loss": 0.%06d, '
    '"instance_loss": 0.1, "prior_loss": 0.05, "learning_rates": {"unet": 0.0001, "text_encoder": 5e-05}, '
    '"images_per_second": 3.1, "seconds_left": 1000.5, "memory_bytes": 8123456789}\n'
)


class Server:
    """A running server, asked over one connection that is kept open, as a page does."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address = f"http://127.0.0.1:{port}/"
        self.projects = folder / "models"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._asked = 0.0

    def ask(self, path: str, content: Any = None) -> Any:
        """The JSON answer of a route; a POST where there is content."""
        body = None if content is None else json.dumps(content)
        headers = {"Content-Type": "application/json"}
        if time.monotonic() - self._asked > KEPT_SECONDS:
            self._connection.close()  # as the server has, or is about to
        self._asked = time.monotonic()
        self._connection.request("GET" if body is None else "POST", f"/sd_finetune/{path}", body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {answer.decode()}")
        return json.loads(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the tab costs.")
    parser.add_argument("--out", type=Path, default=Path("tab.json"), help="default: tab.json")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, browser() as chromium:
        figures |= first_step(server, chromium)
        figures |= create(server, Path(folder))
        figures |= long_run(server)
        figures |= page_memory(server, chromium)
    for name, value in figures.items():
        goal = GOALS.get(name)
        said = "" if goal is None else f"  goal {goal}: {'met' if value <= goal else 'MISSED'}"
        print(f"{name:52} {value:10,.3f}{said}")
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """The tab by itself, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sd_finetune", "ui", "--port", str(port), "--data", str(folder)]
    process = subprocess.Popen(command, cwd=HOME, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Server(port, folder)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("There is no Chromium here: install it, on Debian and Ubuntu the package chromium.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


def open_project(server: Server, chromium: Any, name: str) -> Any:
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(server.address)
    page.select_option("#sd_finetune_project", name)
    page.wait_for_function("!document.querySelector('#sd_finetune_generate').disabled")
    return page


def first_step(server: Server, chromium: Any) -> dict[str, float]:
    """Seconds from the click on Train to the first step of the toy, and how they split."""
    name = server.ask("example", {})["name"]
    settings = server.ask(f"projects/{name}")["settings"]
    settings["prior"]["weight"] = 0  # class images are drawn once and kept; their time is theirs
    settings["samples"]["at_start"] = False
    settings["evaluation"]["every"] = "0 steps"
    server.ask(f"projects/{name}/settings", settings)
    page = open_project(server, chromium, name)
    clicked = time.time()
    page.click("#sd_finetune_generate")
    page.wait_for_selector(".sdft-numbers >> text=epoch")
    seen = time.time()
    run = RunFolder(server.projects / name / "runs" / server.ask(f"projects/{name}")["runs"][0])
    times: dict[str, float] = {}
    for event in read_events(run.events)[0]:
        times.setdefault(getattr(event, "name", event.kind), event.time)
    server.ask(f"projects/{name}/runs/{run.path.name}/command", {"command": "end"})
    while server.ask("projects")["job"]:
        time.sleep(0.05)
    page.close()
    parts = {
        "settings kept and checked, run folder made": (clicked, times["waiting for its turn"]),
        "the worker's imports": (times["waiting for its turn"], times["loading"]),
        "checkpoint loaded": (times["loading"], times["encoding training images"]),
        "images encoded": (times["encoding training images"], times["training"]),
        "first step": (times["training"], times[Step.kind]),
    }
    figures = {f"  {part}, s": after - before for part, (before, after) in parts.items()}
    whole = {"from the click on Train to the first step, s": times[Step.kind] - clicked}
    return {**whole, **figures, "until the page shows a step, s": seen - clicked}


def create(server: Server, folder: Path) -> dict[str, float]:
    """Seconds of Create Model on a checkpoint of 2.1 GB (zeros under one name: it is not read), and its size."""
    file = folder / "checkpoints" / "large.safetensors"
    file.parent.mkdir()
    tensor = {"dtype": "F16", "shape": [CHECKPOINT_BYTES // 2], "data_offsets": [0, CHECKPOINT_BYTES]}
    header = json.dumps({"model.diffusion_model.input_blocks.0.0.weight": tensor}).encode()
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(header)) + header)
        for _ in range(CHECKPOINT_BYTES // 10_000_000):
            out.write(bytes(10_000_000))
    began = time.perf_counter()
    server.ask("projects", {"name": "large", "checkpoint": str(file)})
    seconds = time.perf_counter() - began
    written = sum(path.stat().st_size for path in (server.projects / "large").rglob("*") if path.is_file())
    file.unlink()
    return {"Create Model on 2.1 GB, s": seconds, "a project, kB": written / 1000}


def make_long_run(server: Server, name: str, steps: int) -> RunFolder:
    """A run of so many steps, as if a worker had done them."""
    content = {
        "base": {"checkpoint": str(TOY_CHECKPOINT)},
        "prior": {"weight": 0},
        "concepts": [{"folder": str(SUBJECTS["star"].folder), "instance_prompt": "a"}],
    }
    project = Project.create(server.projects, name, "toy", content)
    run = RunFolder.create(project.runs, name, from_dict(content))
    append_steps(run, 1, steps)
    return run


def append_steps(run: RunFolder, first: int, last: int) -> None:
    with run.events.open("a", encoding="utf-8") as file:
        file.writelines(STEP_LINE % (step, step * 7919 % 1_000_000) for step in range(first, last + 1))


def long_run(server: Server) -> dict[str, float]:
    """Milliseconds of the status route at 100,000 steps: while they are first read, all of it, and what is new."""
    run = make_long_run(server, "long", STEPS)
    place = f"projects/long/runs/{run.path.name}/status"

    def ask(since: int) -> tuple[float, dict[str, Any]]:
        began = time.perf_counter()
        answer = server.ask(f"{place}?since={since}")
        return 1000 * (time.perf_counter() - began), answer

    began = time.perf_counter()
    reading, since, more = [], 0, True
    while more:
        milliseconds, told = ask(since)
        since, more = told["since"], told["more"]
        reading.append(milliseconds)
    read = time.perf_counter() - began
    whole = [ask(0)[0] for _ in range(20)]
    new = []
    for step in range(STEPS + 1, STEPS + 101):
        append_steps(run, step, step)
        milliseconds, told = ask(since)
        since = told["since"]
        new.append(milliseconds)
    return {
        "status while 100,000 steps are first read, median ms": statistics.median(reading),
        "  all of that reading, s": read,
        "status of everything at 100,000 steps, median ms": statistics.median(whole),
        "status of one new step at 100,000, median ms": statistics.median(new),
        "status of one new step at 100,000, 95 of 100, ms": sorted(new)[94],
        "status of one new step at 100,000, worst ms": max(new),
    }


def page_memory(server: Server, chromium: Any) -> dict[str, float]:
    """MB of the page's JavaScript heap, after a collection, while 100,000 steps arrive."""
    run = make_long_run(server, "watched", WATCHED[0])
    page = open_project(server, chromium, "watched")
    session = page.context.new_cdp_session(page)
    found: dict[str, float] = {}
    known = WATCHED[0]
    for steps in WATCHED:
        append_steps(run, known + 1, steps)
        known = steps
        page.wait_for_selector(f".sdft-numbers >> text={steps:,} /")
        page.wait_for_timeout(1500)
        session.send("HeapProfiler.collectGarbage")
        found[f"page memory at {steps:,} steps, MB"] = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    page.close()
    first, last = (found[f"page memory at {steps:,} steps, MB"] for steps in (WATCHED[0], STEPS))
    return {**found, "page memory at 100,000 over that at 2,000 steps": last / first}


if __name__ == "__main__":
    main()
