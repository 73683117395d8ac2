"""The list of checkpoints, the foot of the page and the next image name one checkpoint, whatever was made and used.

The WebUI has a checkpoint of other sizes than the toy's, so that what was trained on one fails on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import story
from tests.screen import wait_until
from tests.webui.conftest import Started
from tests.webui.page import PROMPT, card, draw, footer_hash, open_tab, picture, selected, write_prompt
from tests.webui.tab import Tab
from tests.webui.webui import WebUI, place_other


def assert_all_name(page: Any, name: str) -> None:
    """The list, the foot, and the image that is generated now."""
    page.wait_for_function(
        "name => document.querySelector('#setting_sd_model_checkpoint input').value.includes(name)", arg=f"{name}.s"
    )
    told = draw(page)
    assert "errors" not in told, told
    assert f"Model: {name}," in told
    shown = footer_hash(page)
    assert len(shown) == 10
    assert f"Model hash: {shown}," in told
    assert f"[{shown}]" in selected(page)


@pytest.mark.parametrize("ckpt", [False, True], ids=["without --ckpt", "with --ckpt"])
def test_after_a_run_and_after_use(ckpt: bool, started: Started, open_page: Callable[..., Any], tmp_path: Path) -> None:
    place, flags = place_other, []
    if ckpt:
        (tmp_path / "elsewhere").mkdir()
        flags = ["--ckpt", str(place_other(tmp_path / "elsewhere"))]
        place = lambda folder: folder  # noqa: E731
    shot = "with-ckpt" if ckpt else "without-ckpt"
    with started(*flags, place=place, hashing=True) as webui:
        page = open_page(webui)
        write_prompt(page, "a photo of sks star")
        assert_all_name(page, "own")
        for strength in (1, 2):  # the second run puts another file in the place of the first, which is loaded then
            for file in webui.checkpoints.glob("new.*"):
                file.unlink()
            tab = train(webui, "new", tmp_path, strength)
            card(page, "Checkpoints", "new", image="")
            assert_all_name(page, "own" if strength == 1 else "new")
            picture(page, f"{shot}-1-after-run-{strength}")
            look_at(page, tab)
            page.click(".sdft-result >> text=Use in txt2img")
            assert_all_name(page, "new")
            picture(page, f"{shot}-2-after-use-{strength}")
        teach_the_toy(page, shot)
        page.on("dialog", lambda dialog: dialog.accept())
        open_tab(page)
        page.click(".sdft-top >> text=Delete")
        page.wait_for_function("!document.querySelector('#setting_sd_model_checkpoint input').value.includes('toy')")
        write_prompt(page, "a photo of sks star")
        told = draw(page)
        assert f"Model: {Path(selected(page).partition(' [')[0]).stem}," in told
        assert not (webui.checkpoints / "sd-finetune-example").exists()


def train(webui: WebUI, name: str, folder: Path, strength: int) -> Tab:
    """A checkpoint from the loaded one, whose file is always called "new"."""
    changes = {"method": "dreambooth", "output": {"name": "new"}}
    rate = {"unet_learning_rate": 1e-3 * strength}
    tab = Tab(webui, f"{name} {strength}", folder, changes, "own", length="2 steps", **rate)
    tab.wait()
    assert tab.events()[-1]["kind"] == "done", (tab.folder / "worker.log").read_text()[-3000:]
    return tab


def look_at(page: Any, tab: Tab) -> None:
    """Select the project in our tab."""
    open_tab(page)
    page.wait_for_function("name => [...sd_finetune_project.options].some((o) => o.value === name)", arg=tab.name)
    page.select_option("#sd_finetune_project", tab.name)
    page.wait_for_selector(f".sdft-output :text('{tab.run}')", state="attached")
    page.wait_for_selector(".sdft-result")


def teach_the_toy(page: Any, shot: str) -> None:
    """The first lesson, to the image of what was learned."""
    open_tab(page)
    page.click("#sd_finetune_tab_create")
    page.click("#sd_finetune_example")
    page.wait_for_function("sd_finetune_project.value === 'example-1'")
    wait_until(lambda: story.shown_step(page) > 20)
    story.press(page, "Stop and save")  # enough for what is tried here
    story.wait_for_state(page, "stopped")
    page.wait_for_selector(".sdft-result")
    picture(page, f"{shot}-3-after-lesson")
    assert page.locator(".sdft-result >> text=Use with new.safetensors").count() == 1
    page.click(".sdft-result >> text=Load toy.safetensors and use")
    page.locator("#txt2img_generate").wait_for(state="visible")
    assert "<lora:example-1:1>" in page.input_value(PROMPT)
    assert_all_name(page, "toy")
    picture(page, f"{shot}-4-lesson-drawn")
    card(page, "Lora", "example-1")
