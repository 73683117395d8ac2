"""What each WebUI is like before, while and after a run, and what of the tab is not offered there."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.webui.as_before import PROMPT, assert_as_before, pictures_before, write_noise
from tests.webui.page import picture
from tests.webui.tab import RUN_SECONDS, Tab
from tests.webui.webui import WebUI


@pytest.fixture
def pictures(host: WebUI) -> dict[str, np.ndarray]:
    """Drawn before."""
    write_noise(host)
    return pictures_before(host)


def test_the_tab_is_there(host: WebUI, open_page: Callable[..., Any]) -> None:
    told = host.get("/sd_finetune/start")
    assert told["host"] == host.kind.title
    assert told["faults"] == []
    assert told["checkpoints"][0]["loaded"]
    assert told["checkpoints"][0]["title"].startswith(host.kind.checkpoint)
    for theme in ("light", "dark"):
        picture(open_page(host, theme), f"{host.kind.name}-{theme}")


def test_a_run_leaves_it_as_it_was(host: WebUI, pictures: dict[str, np.ndarray], tmp_path: Path) -> None:
    tab = Tab(host, "whole", tmp_path, length="2 steps", unet_learning_rate=0.05)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    assert_as_before(host, pictures)
    assert (host.loras / "whole.safetensors").is_file()
    assert not np.array_equal(host.draw(f"{PROMPT} <lora:whole:1>"), pictures[PROMPT]), "it is there without a restart"


def test_who_generates_meanwhile_waits_and_interrupt_ends_the_run(
    host: WebUI, pictures: dict[str, np.ndarray], tmp_path: Path
) -> None:
    tab = Tab(host, "long", tmp_path, length="100000 steps")
    tab.wait_for_step()
    with ThreadPoolExecutor() as pool:
        drawn = pool.submit(host.draw, PROMPT)
        step = tab.status()["step"]["step"]
        time.sleep(3)
        assert not drawn.done()
        assert tab.status()["step"]["step"] > step, "training goes on meanwhile"
        host.post("/sdapi/v1/interrupt")
        assert np.array_equal(drawn.result(RUN_SECONDS), pictures[PROMPT]), "the picture itself is not interrupted"
    tab.wait()
    assert tab.events()[-1]["outcome"] == "stopped"
    assert (host.loras / "long.safetensors").is_file()
