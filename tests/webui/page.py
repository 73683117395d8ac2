"""What a person does in the WebUI's own page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.browser import story
from tests.screen import wait_until
from tests.webui.kinds import A1111, Kind

PATIENCE = 1000 * int(os.environ.get("PATIENCE", "120"))
PROMPT = "#txt2img_prompt textarea"

WRITTEN = """(before) => {
    const [info, log] = ["info", "log"].map((part) => document.querySelector(`#html_${part}_txt2img`).innerText);
    return (info !== before && info.includes("Seed:")) || log.includes("Error");
}"""
"""What is below an image is another text than `before`; seeds are random, so no two are the same."""


def open_tab(page: Any) -> None:
    page.locator("#tabs > .tab-nav button", has_text="SD Fine-Tune").click()
    page.wait_for_selector("#sd_finetune_create", state="attached")


def reload_while_it_trains(page: Any, shot: str) -> None:
    """Train, press Reload UI, see the run go on in the new page, and stop it."""
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    before = story.shown_step(page)
    page.locator("#tabs > .tab-nav button", has_text="Settings").click()
    with page.expect_navigation():
        page.click("#settings_restart_gradio")
    open_tab(page)
    wait_until(lambda: story.shown_step(page) > before)
    story.wait_for_state(page, "running")
    picture(page, shot)
    story.press(page, "Stop and save")
    story.wait_for_state(page, "stopped")


def picture(page: Any, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"{name}.png", full_page=True)


def txt2img(page: Any) -> None:
    """Go to txt2img and its settings."""
    page.locator("#tabs > .tab-nav button", has_text="txt2img").click()
    page.locator("#txt2img_extra_tabs > .tab-nav button", has_text="Generation").click()


def write_prompt(page: Any, text: str) -> None:
    txt2img(page)
    page.fill(PROMPT, text)


def card(page: Any, kind: str, name: str, image: str = " img.preview") -> None:
    """Wait for a card with its image, or without one where `image` is empty."""
    txt2img(page)
    page.locator("#txt2img_extra_tabs > .tab-nav button", has_text=kind).click()
    page.locator(f'#txt2img_extra_tabs .card[data-name="{name}"]{image}').wait_for()


def draw(page: Any) -> str:
    """Press Generate in txt2img, wait for the image, and return what is written below it."""
    txt2img(page)
    for field, value in {"width": "64", "height": "64", "steps": "4"}.items():
        page.locator(f"#txt2img_{field} input[type=number]").fill(value)
        page.keyboard.press("Tab")
    before = page.locator("#html_info_txt2img").first.inner_text()
    page.click("#txt2img_generate")
    page.locator("#txt2img_gallery img").first.wait_for()
    page.wait_for_function(WRITTEN, arg=before)
    return "".join(page.locator(f"#html_{part}_txt2img").first.inner_text() for part in ("info", "log"))


def selected(page: Any, kind: Kind = A1111) -> str:
    """The title in the list of checkpoints."""
    return page.input_value(kind.selected)


def footer_hash(page: Any) -> str:
    return page.inner_text("#sd_checkpoint_hash")
