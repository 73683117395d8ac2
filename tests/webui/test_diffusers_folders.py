"""A model in diffusers' layout in the WebUI's folders: chosen, trained, and its result drawn, in a sub-folder too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.family import DiffusionModel
from sd_finetune.formats.checkpoint import Checkpoint, read_checkpoint
from sd_finetune.formats.diffusers_result import write_folder
from tests.webui.conftest import ready
from tests.webui.page import PROMPT, card, draw, open_tab, selected
from tests.webui.tab import Tab
from tests.webui.test_agreement import look_at
from tests.webui.test_images import SAME, difference, ours
from tests.webui.webui import WebUI

PICTURED = "a photo of sks star on a pink background"
LISTED, ELSEWHERE = "a model of diffusers", "diffusers/another"
"""Titles in our tab: of a folder among the WebUI's checkpoints, and of one beside these."""


@pytest.fixture(scope="module", autouse=True)
def folders(webui: WebUI) -> Iterator[Path]:
    """Both, with the toy in them."""
    listed = webui.checkpoints / LISTED
    elsewhere = webui.data / "models" / ELSEWHERE
    write_folder(listed, read_checkpoint(TOY_CHECKPOINT), {})
    shutil.copytree(listed, elsewhere)
    webui.post("/sdapi/v1/refresh-checkpoints")
    yield listed
    for folder in (listed, elsewhere):
        shutil.rmtree(folder)
    webui.post("/sdapi/v1/refresh-checkpoints")


def test_a_model_is_listed_once_and_not_its_parts(webui: WebUI) -> None:
    theirs = [entry["title"] for entry in webui.get("/sdapi/v1/sd-models")]
    assert f"{LISTED}/unet/diffusion_pytorch_model.safetensors" in theirs, "that is why"
    titles = [each["title"] for each in webui.get("/sd_finetune/start")["checkpoints"]]
    assert [title for title in titles if "diffusers" in title] == [LISTED, ELSEWHERE]


@pytest.mark.parametrize("title", [LISTED, ELSEWHERE])
def test_its_result_is_drawn_from_where_it_was_put(
    title: str, webui: WebUI, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    """As a file, whose name is made by a pattern and which is in a sub-folder, with a VAE of its own and averaged."""
    vae = webui.data / "models" / ELSEWHERE / "vae"
    name = title.partition("/")[0].partition(" ")[0]
    output = {"name": name, "name_pattern": "{name} {step:04d}", "subfolder": "people/anna"}
    changes = {"base": based(webui, title, vae=str(vae)), "ema": {"decay": 0.5}, "output": output}
    tab, result = trained(webui, name, title, changes, tmp_path)
    file = webui.checkpoints / "people" / "anna" / f"{name} 0003.safetensors"
    assert (result["path"], result["checkpoint"]) == (str(file), f"people/anna/{file.name}")
    page = open_page(webui)
    look_at(page, tab)
    page.click(".sdft-result >> text=Use in txt2img")
    page.wait_for_function(
        "name => document.querySelector('#setting_sd_model_checkpoint input').value.includes(name)", arg=file.stem
    )
    page.fill(PROMPT, PICTURED)
    assert f"Model: {file.stem}," in draw(page)
    assert selected(page).startswith("people/anna/")
    card(page, "Checkpoints", file.stem, image="")
    assert difference(ours(ready(read_checkpoint(file)), PICTURED), webui.draw(PICTURED)) < SAME
    open_tab(page)
    webui.select(TOY_CHECKPOINT.name)


def test_its_result_is_such_a_folder_too(webui: WebUI, base: Checkpoint, model: DiffusionModel, tmp_path: Path) -> None:
    before = [entry["title"] for entry in webui.get("/sdapi/v1/sd-models")]
    changes = {"base": based(webui, LISTED), "output": {"name": "whole", "layout": "diffusers", "precision": "fp32"}}
    _, result = trained(webui, "whole", LISTED, changes, tmp_path)
    folder = Path(result["path"])
    assert f'--checkpoint "{folder}"' in result["sentence"]
    assert (result["folder"], result["checkpoint"]) == (True, "")
    assert [entry["title"] for entry in webui.get("/sdapi/v1/sd-models")] == before, "its parts are no checkpoints"
    result_drawn = ours(ready(read_checkpoint(folder, base.path.with_suffix(".yaml"))), PICTURED)
    assert difference(result_drawn, ours(model, PICTURED)) > SAME, "it was trained"


def based(webui: WebUI, title: str, **more: str) -> dict[str, str]:
    """The base in the settings; a toy needs its config, which says of which sizes it is."""
    folder = webui.checkpoints / title if title == LISTED else webui.data / "models" / title
    return {"checkpoint": str(folder), "config": str(webui.checkpoint.with_suffix(".yaml")), **more}


def trained(webui: WebUI, name: str, title: str, changes: dict[str, Any], folder: Path) -> tuple[Tab, dict[str, Any]]:
    """A short run of DreamBooth, and its result."""
    changes = {"method": "dreambooth", **changes}
    tab = Tab(webui, f"from {name}", folder, changes, title, length="3 steps", unet_learning_rate=1e-3)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    (result,) = webui.get(f"/sd_finetune/projects/{tab.name}/runs/{tab.run}/results".replace(" ", "%20"))
    return tab, result
