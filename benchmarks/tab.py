"""What the tab costs: from Train to the first step, a status of a long run, the page's memory, Create Model.

    python -m benchmarks.tab [--out tab.json]

Prints one table and writes one JSON. Needs Chromium and Playwright for the page's memory, and about 3 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))

from sd_finetune.demo.places import DEMO_FOLDER, TOY_CHECKPOINT
from sd_finetune.hosts.standalone import Standalone
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Step, read_events
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.app import make_app
from sd_finetune.ui.context import Context
from sd_finetune.ui.models import Model

PORT = 7960
STEPS = 100_000
CHECKPOINT_BYTES = 2_130_000_000
STEP_LINE = (
    '{"kind": "step", "time": 1.0, "step": %d, "total_steps": 100000, "epoch": 3, "loss": 0.%06d, '
    '"instance_loss": 0.1, "prior_loss": 0.05, "learning_rates": {"unet": 0.0001, "text_encoder": 5e-05}, '
    '"images_per_second": 3.1, "seconds_left": 1000.5, "memory_bytes": 8123456789}\n'
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tab.json"), help="default: tab.json")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads only wait for each other in so small a model
    with tempfile.TemporaryDirectory() as folder:
        context = Context.of(Standalone(Path(folder), TOY_CHECKPOINT, DEMO_FOLDER / "lora.toml"))
        figures = {**first_step(context), **create(context, Path(folder)), **long_run(context)}
        figures |= page_memory(context)
    for name, value in figures.items():
        print(f"{name:50} {value:12,.3f}")
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def client_of(context: Context) -> Any:
    from fastapi.testclient import TestClient

    return TestClient(make_app(context), base_url="http://127.0.0.1")


def first_step(context: Context) -> dict[str, float]:
    """Seconds from the press of Train to the first step of the toy, and how they split."""
    client = client_of(context)
    name = client.post("/sd_finetune/lesson").json()["name"]
    settings = client.get(f"/sd_finetune/models/{name}").json()["settings"]
    settings["prior"]["weight"] = 0  # class pictures are drawn once and kept; their time is theirs
    settings["samples"]["at_start"] = False
    settings["evaluation"]["every"] = "0 steps"
    client.post(f"/sd_finetune/models/{name}/settings", json=settings)
    pressed = time.time()
    run = context.run(name, client.post(f"/sd_finetune/models/{name}/train").json()["run"])
    answered = time.time()
    while not any(isinstance(event, Step) for event in read_events(run.events)[0]):
        time.sleep(0.02)
    times = {}
    for event in read_events(run.events)[0]:
        times.setdefault(getattr(event, "name", event.kind), event.time)
    context.runner.kill()
    while context.runner.current():
        time.sleep(0.05)
    return {
        "Train answered, s": answered - pressed,
        "worker imported, s": times["loading"] - answered,
        "checkpoint loaded, s": times["caching instance pictures"] - times["loading"],
        "pictures encoded, s": times["training"] - times["caching instance pictures"],
        "first step, s": times["step"] - times["training"],
        "from Train to the first step, s": times["step"] - pressed,
    }


def create(context: Context, folder: Path) -> dict[str, float]:
    """Seconds of Create Model on a checkpoint of 2.1 GB (zeros under one name: it is not read), and its size."""
    file = folder / "checkpoints" / "large.safetensors"
    file.parent.mkdir()
    tensor = {"dtype": "F16", "shape": [CHECKPOINT_BYTES // 2], "data_offsets": [0, CHECKPOINT_BYTES]}
    header = json.dumps({"model.diffusion_model.input_blocks.0.0.weight": tensor}).encode()
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(header)) + header)
        for _ in range(CHECKPOINT_BYTES // 10_000_000):
            out.write(bytes(10_000_000))
    client = client_of(context)
    began = time.perf_counter()
    answer = client.post("/sd_finetune/models", json={"name": "large", "checkpoint": str(file)})
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    written = sum(path.stat().st_size for path in context.model("large").folder.rglob("*") if path.is_file())
    file.unlink()
    return {"Create Model on 2.1 GB, s": seconds, "a model, kB": written / 1000}


def make_long_run(context: Context, name: str, steps: int) -> RunFolder:
    """A run of so many steps, as if a worker had done them."""
    content = {
        "base": {"checkpoint": str(TOY_CHECKPOINT)},
        "prior": {"weight": 0},
        "concepts": [{"folder": str(DEMO_FOLDER / "subject"), "instance_prompt": "a"}],
    }
    model = Model.create(context.models, name, "toy", content)
    run = RunFolder.create(model.runs, name, from_dict(content))
    append_steps(run, 1, steps)
    return run


def append_steps(run: RunFolder, first: int, last: int) -> None:
    with run.events.open("a", encoding="utf-8") as file:
        file.writelines(STEP_LINE % (step, step * 7919 % 1_000_000) for step in range(first, last + 1))


def long_run(context: Context) -> dict[str, float]:
    """Milliseconds of the status route at 100,000 steps: while they are first read, all of it, and what is new."""
    run = make_long_run(context, "long", STEPS)
    client = client_of(context)
    place = f"/sd_finetune/models/long/runs/{run.path.name}/status"

    def ask(since: int) -> tuple[float, dict[str, Any]]:
        began = time.perf_counter()
        answer = client.get(f"{place}?since={since}")
        return 1000 * (time.perf_counter() - began), answer.json()

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
        "status, first reading of 100,000 steps, median ms": statistics.median(reading),
        "status, first reading of 100,000 steps, all, s": read,
        "status of everything at 100,000 steps, median ms": statistics.median(whole),
        "status of one new step at 100,000, median ms": statistics.median(new),
        "status of one new step at 100,000, worst ms": max(new),
    }


def page_memory(context: Context) -> dict[str, float]:
    """MB of the page's JavaScript heap while 100,000 steps arrive; nothing without Chromium and Playwright."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("page memory: skipped, there is no chromium")
        return {}
    from playwright.sync_api import sync_playwright

    run = make_long_run(context, "watched", 2000)
    server = uvicorn.Server(uvicorn.Config(make_app(context), host="127.0.0.1", port=PORT, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    found: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{PORT}/")
        page.select_option("#sd_finetune_model", "watched")
        session = page.context.new_cdp_session(page)
        for steps in (2000, 10_000, 30_000, 60_000, STEPS):
            known = read_steps(run)
            append_steps(run, known + 1, steps)
            page.wait_for_selector(f".sdft-numbers >> text={steps:,} /")
            page.wait_for_timeout(1500)
            session.send("HeapProfiler.collectGarbage")
            used = session.send("Runtime.getHeapUsage")["usedSize"]
            found[f"page memory at {steps:,} steps, MB"] = used / 1e6
        browser.close()
    server.should_exit = True
    return found


def read_steps(run: RunFolder) -> int:
    with run.events.open("rb") as file:
        return sum(line.startswith(b'{"kind": "step"') for line in file)


if __name__ == "__main__":
    main()
