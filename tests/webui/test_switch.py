"""Another checkpoint is selected while a run has the WebUI's turn: it is loaded afterwards, and no card is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from tests.webui.page import card, draw, selected, write_prompt
from tests.webui.tab import Tab
from tests.webui.test_results import CHANGES
from tests.webui.webui import WebUI

CARDS = {"lora": "Lora", "textual_inversion": "Textual Inversion", "hypernetwork": "Hypernetworks"}


@pytest.fixture
def other(webui: WebUI) -> Iterator[str]:
    """The file name of another checkpoint, of other sizes than the loaded one."""
    toy = webui.checkpoints / TOY_CHECKPOINT.name
    copy = toy.with_name("switched.safetensors")
    shutil.copy(toy.with_suffix(".yaml"), copy.with_suffix(".yaml"))
    webui.post("/test/results", {"kind": "checkpoint", "written": {str(toy): str(copy)}})
    yield copy.name
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": TOY_CHECKPOINT.name})
    webui.post("/test/results", {"kind": "checkpoint", "removed": [str(copy)]})


@pytest.mark.parametrize("method", CARDS)
def test_no_card_is_lost(method: str, other: str, webui: WebUI, open_page: Callable[..., Any], tmp_path: Path) -> None:
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": TOY_CHECKPOINT.name})
    page = open_page(webui)
    name = f"switched{method.replace('_', '')}"
    tab = Tab(
        webui, name, tmp_path, {"method": method, **CHANGES[method], "output": {"name": name}}, length="2000 steps"
    )
    tab.wait_for_step()
    logged = webui.log.stat().st_size
    page.evaluate("title => selectCheckpoint(title)", other)
    webui.post(f"/sd_finetune/projects/{name}/runs/{tab.run}/command", {"command": "stop"})
    tab.wait()
    page.wait_for_function(
        "name => document.querySelector('#setting_sd_model_checkpoint input').value.includes(name)", arg=other
    )
    card(page, CARDS[method], name, image="")
    write_prompt(page, "a photo")
    assert f"Model: {Path(other).stem}," in draw(page)
    assert selected(page).startswith(other)
    assert b"Traceback" not in webui.log.read_bytes()[logged:]
