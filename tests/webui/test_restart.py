"""The WebUI is started again while a run goes on: the run has its turn in the queue as it had before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.owner import try_to_own
from tests.screen import wait_until
from tests.webui.conftest import Started
from tests.webui.tab import RUN_SECONDS, Tab

PROMPT = "a photo of a small red circle"


@contextmanager
def owned_until_it_serves(tab: Tab) -> Iterator[None]:
    """A worker ends some seconds after its server did; in place of a WebUI that starts that fast, we look after it."""
    logged = tab.webui.log.stat().st_size
    hold = wait_until(lambda: try_to_own(RunFolder(tab.folder)))

    def let_go() -> None:
        wait_until(lambda: b"Running on local URL" in tab.webui.log.read_bytes()[logged:])
        hold.release()

    with ThreadPoolExecutor() as pool:
        pool.submit(let_go)
        yield


def test_a_run_that_goes_on_has_its_turn_again(started: Started, tmp_path: Path) -> None:
    with started() as webui:
        tab = Tab(webui, "outlives", tmp_path, length="100000 steps")
        tab.wait_for_step()
        webui.end()
        with owned_until_it_serves(tab), started() as again:
            tab.webui = again
            task = f"task(sd_finetune-{tab.run})"
            assert tab.status()["active"], "the worker lives, and is found again"
            asked = {"id_task": task, "live_preview": False}
            told = wait_until(lambda: found if (found := again.post("/internal/progress", asked))["textinfo"] else None)
            assert told["active"], "the bar at the top is that of the run"
            assert told["textinfo"].startswith("SD Fine-Tune: step")
            with ThreadPoolExecutor() as pool:
                drawn = pool.submit(again.draw, PROMPT)
                time.sleep(3)
                assert not drawn.done(), "an image waits until the run is over"
                again.post("/sdapi/v1/interrupt")
                image = drawn.result(RUN_SECONDS)
            tab.wait()
            assert tab.events()[-1]["outcome"] == "stopped", "Interrupt in its turn saves and ends it"
            assert (image == again.draw(PROMPT)).all(), "and was not meant for the image"
            assert "outlives" in [entry["name"] for entry in again.get("/sdapi/v1/loras")]


def test_what_interrupts_an_image_does_not_end_a_run_that_waits(started: Started, tmp_path: Path) -> None:
    with started() as webui, ThreadPoolExecutor() as pool:
        webui.draw(PROMPT)
        drawn = pool.submit(webui.draw, PROMPT, steps=150, width=512, height=512)
        while not webui.get("/sdapi/v1/progress")["state"]["sampling_step"]:
            time.sleep(0.05)
        tab = Tab(webui, "waits", tmp_path, length="2 steps")
        assert tab.status()["phase"]["name"] == "waiting for its turn"
        webui.post("/sdapi/v1/interrupt")
        drawn.result(RUN_SECONDS)
        tab.wait()
        assert tab.events()[-1]["outcome"] == "finished"


def test_the_console_shows_the_progress_of_a_run(started: Started, tmp_path: Path) -> None:
    with started(quiet=False) as webui:
        tab = Tab(webui, "shown", tmp_path, length="2 steps")
        tab.wait()
        log = webui.log.read_text(errors="replace")
        assert f"SD Fine-Tune: {tab.run}" in log
        assert "training: 2 of 2  loss" in log, "without a terminal lines, as on the command line"
        assert "saved lora: " in log
