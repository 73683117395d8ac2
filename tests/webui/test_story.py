"""The story of the tab inside the WebUI's own page, in a real browser: create, train, look, use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.subjects import SUBJECTS
from tests.browser import story
from tests.screen import wait_until
from tests.webui.page import PROMPT, card, draw, open_tab, picture, reload_while_it_trains
from tests.webui.webui import WebUI

METHODS = ("lora", "dreambooth", "textual_inversion", "hypernetwork")


@pytest.fixture
def new_page(open_page: Callable[..., Any], webui: WebUI) -> Callable[..., Any]:
    return partial(open_page, webui)


def set_up(page: Any, name: str, method: str, steps: int) -> None:
    story.create(page, name)
    story.describe_dog(page, SUBJECTS["star"].folder)
    story.choose_method(page, method)  # some do without the instance prompt, and then its field is not there
    story.put(page, "concepts", "concepts.1.class_images", "2")
    story.put(page, "generate", "samples.prompts", "a photo of sks star")
    story.put(page, "generate", "samples.steps", "4")
    story.put(page, "generate", "class_images.steps", "2")
    story.set_duration(page, "settings", "schedule.warmup", 0, "steps")
    story.set_duration(page, "settings", "train.length", steps, "steps")
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("base", ["toy", "sdxl"])
def test_create_train_and_use(base: str, method: str, webui: WebUI, sdxl: Path, new_page: Callable[..., Any]) -> None:
    file = {"toy": TOY_CHECKPOINT.name, "sdxl": sdxl.name}[base]
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": file})
    page = new_page("dark" if method == "dreambooth" else "light", 800 if method == "hypernetwork" else 1280)
    name, shot = f"story {base} {method}".replace("_", " "), f"{base}-{method}"
    set_up(page, name, method, 20)
    picture(page, f"{shot}-1-ready")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    picture(page, f"{shot}-2-training")
    page.reload()
    open_tab(page)
    page.wait_for_selector('.sdft-output[data-state="finished"], .sdft-output[data-state="failed"]')
    assert "Finished after 20 steps" in page.inner_text(".sdft-state"), story.message(page)
    page.wait_for_selector(".sdft-result")
    assert page.locator(".sdft-gallery img").count() >= 1
    assert "smoothed loss" in page.locator(".sdft-canvas").get_attribute("aria-label")
    picture(page, f"{shot}-3-finished")
    page.click(".sdft-result >> text=Use in txt2img")
    page.locator("#txt2img_generate").wait_for(state="visible")
    USED[method](page, name)
    picture(page, f"{shot}-4-used")
    draw(page)
    picture(page, f"{shot}-5-drawn")


def used_in_prompt(text: str, cards: str) -> Callable[[Any, str], None]:
    """It is in the prompt, and there is a card of it, with a picture."""

    def check(page: Any, name: str) -> None:
        assert text.format(name=name) in page.input_value(PROMPT)
        card(page, cards, name)

    return check


def used_as_checkpoint(page: Any, name: str) -> None:
    page.wait_for_function(
        "name => document.querySelector('#setting_sd_model_checkpoint input').value.startsWith(name)", arg=name
    )
    card(page, "Checkpoints", name)


USED = {
    "lora": used_in_prompt("<lora:{name}:1>", "Lora"),
    "dreambooth": used_as_checkpoint,
    "textual_inversion": used_in_prompt("{name}", "Textual Inversion"),
    "hypernetwork": used_in_prompt("<hypernet:{name}:1>", "Hypernetworks"),
}


def test_a_training_outlives_reload_ui(webui: WebUI, new_page: Callable[..., Any]) -> None:
    page = new_page()
    set_up(page, "outlives", "lora", 100_000)
    reload_while_it_trains(page, "after-reload-ui")
    draw(page)
