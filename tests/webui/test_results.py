"""A run of each method through the routes of the tab: each WebUI has its result without a restart, a new one too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sd_finetune.settings.methods import METHODS
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


IN_PROMPT = {"lora": "<lora:{name}:1>", "hypernetwork": "<hypernet:{name}:1>"}


def titles(webui: WebUI) -> list[str]:
    return [entry["title"] for entry in webui.get("/sdapi/v1/sd-models")]


def words(webui: WebUI) -> list[str]:
    if webui.kind.words_apart:
        webui.post("/sdapi/v1/refresh-embeddings")
    return webui.get("/sdapi/v1/embeddings")["loaded"]


LISTED: dict[str, Callable[[WebUI, str], bool]] = {
    "lora": lambda webui, name: name in [entry["name"] for entry in webui.get("/sdapi/v1/loras")],
    "dreambooth": lambda webui, name: any(title.startswith(f"{name}.safetensors") for title in titles(webui)),
    "textual_inversion": lambda webui, name: name in words(webui),
    "hypernetwork": lambda webui, name: name in [entry["name"] for entry in webui.get("/sdapi/v1/hypernetworks")],
}


REFRESH = {"lora": "loras", "checkpoint": "checkpoints", "embedding": "embeddings"}


def change_files(host: WebUI, kind: str, written: Mapping[str, str], removed: Sequence[str] = ()) -> None:
    """Copy files to new places and take others away, and have the WebUI read its list of such files."""
    if host.kind.probe:
        host.post("/test/results", {"kind": kind, "written": written, "removed": list(removed)})
        return
    for source, target in written.items():
        shutil.copy(source, target)
    for path in removed:
        Path(path).unlink()
    host.post(f"/sdapi/v1/refresh-{REFRESH[kind]}")


def train(host: WebUI, project: str, method: str, name: str, folder: Path, length: str) -> dict[str, Any]:
    """A run whose result is called `name`; that result, as the tab tells it."""
    rate = {"unet_learning_rate": RATES[method]} if method in RATES else {}
    changes = {"method": method, **CHANGES[method], "output": {"name": name}}
    tab = Tab(host, project, folder, changes, host.kind.checkpoint, length=length, **rate)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    (result,) = host.get(f"/sd_finetune/projects/{tab.name}/runs/{tab.run}/results".replace(" ", "%20"))
    return result


def draw_with(host: WebUI, method: str, name: str) -> np.ndarray:
    """An image with the result of that name."""
    if method == "dreambooth":
        return host.draw(PROMPT, override_settings={"sd_model_checkpoint": f"{name}.safetensors"})
    used = IN_PROMPT.get(method, "").format(name=name)
    return host.draw(f"{PROMPT} {used}" if used else PROMPT.replace("sks star", name))


@pytest.mark.parametrize("method", METHODS)
def test_a_result_is_there_without_a_restart(host: WebUI, method: str, tmp_path: Path) -> None:
    if method not in host.kind.methods:
        pytest.skip(f"{host.kind.title} cannot use what it makes")
    name = "sks star" if method == "textual_inversion" else f"made by {method}"
    before = host.draw(PROMPT)
    assert not LISTED[method](host, name)
    result = train(host, f"first {method}", method, name, tmp_path, "2 steps")
    drawn = draw_with(host, method, name)
    assert np.abs(drawn.astype(float) - before).mean() > SEEN
    assert LISTED[method](host, name)
    shown_again = train_again(host, method, name, Path(result["path"]), tmp_path)
    assert not np.array_equal(shown_again, drawn)
    change_files(host, result["kind"], {}, [result["path"]])
    assert np.array_equal(host.draw(PROMPT), before)


def train_again(host: WebUI, method: str, name: str, file: Path, folder: Path) -> np.ndarray:
    """Replace the result `file` by another one; an image with that, which is the new one's to the bit."""
    for each in file.parent.glob(f"{file.stem}.*"):  # what makes its card, too: else the new one has another name
        each.unlink()
    result = train(host, f"second {method}", method, name, folder, "3 steps")
    assert Path(result["path"]) == file
    drawn = draw_with(host, method, name)
    copy = file.with_stem(f"{file.stem} copy")
    endings = [ending for ending in (".yaml", file.suffix) if file.with_suffix(ending).exists()]
    change_files(host, result["kind"], {str(file.with_suffix(e)): str(copy.with_suffix(e)) for e in endings})
    # Nobody knew that name, so nothing that was kept by it can be used.
    assert np.array_equal(draw_with(host, method, copy.stem), drawn)
    change_files(host, result["kind"], {}, [str(copy.with_suffix(ending)) for ending in endings])
    return drawn
