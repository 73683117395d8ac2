"""A run of each method through the routes of the tab: its result is in the WebUI without a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.webui.tab import Tab
from tests.webui.webui import WebUI

PROMPT = "a photo of sks star on a pink background"
SEEN = 0.5
"""Mean difference, of 255, of pictures that a person can tell apart side by side; those drawn twice do not differ."""

CHANGES: dict[str, dict[str, Any]] = {
    "lora": {},
    "dreambooth": {},
    "textual_inversion": {"textual_inversion": {"word": "sks star", "template": "instance_prompt", "learning_rate": 1}},
    "hypernetwork": {},
}
RATES = {"lora": 0.05, "dreambooth": 1e-3, "hypernetwork": 0.05}


def titles(webui: WebUI) -> list[str]:
    return [entry["title"] for entry in webui.get("/sdapi/v1/sd-models")]


LISTED: dict[str, Callable[[WebUI, str], bool]] = {
    "lora": lambda webui, name: name in [entry["name"] for entry in webui.get("/sdapi/v1/loras")],
    "dreambooth": lambda webui, name: any(title.startswith(f"{name}.safetensors") for title in titles(webui)),
    "textual_inversion": lambda webui, name: name in webui.get("/sdapi/v1/embeddings")["loaded"],
    "hypernetwork": lambda webui, name: name in [entry["name"] for entry in webui.get("/sdapi/v1/hypernetworks")],
}


@pytest.mark.parametrize("method", CHANGES)
def test_a_result_is_there_without_a_restart(webui: WebUI, method: str, tmp_path: Path) -> None:
    name = "sks star" if method == "textual_inversion" else f"made by {method}"
    before = webui.draw(PROMPT)
    assert not LISTED[method](webui, name)
    rate = {"unet_learning_rate": RATES[method]} if method in RATES else {}
    tab = Tab(webui, name, tmp_path, {"method": method, **CHANGES[method]}, length="2 steps", **rate)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    (result,) = webui.get(f"/sd_finetune/projects/{tab.name}/runs/{tab.run}/results".replace(" ", "%20"))
    changes = {"override_settings": {"sd_model_checkpoint": result["checkpoint"]}} if result["checkpoint"] else {}
    prompt = PROMPT if result["prompt"] in PROMPT else f"{PROMPT} {result['prompt']}"
    drawn = webui.draw(prompt, **changes)
    assert np.abs(drawn.astype(float) - before).mean() > SEEN
    assert LISTED[method](webui, name)
    webui.post("/test/results", {"kind": result["kind"], "removed": [result["path"]]})
    assert np.array_equal(webui.draw(PROMPT), before)
