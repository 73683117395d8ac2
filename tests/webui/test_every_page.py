"""The story of the tab in the page of each of the other WebUIs, in a real browser; that of v1.10.1: test_story.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sd_finetune.demo.subjects import SUBJECTS
from tests.browser import story
from tests.screen import wait_until
from tests.webui.kinds import A1111, Kind
from tests.webui.page import PROMPT, card, draw, open_tab, picture, reload_while_it_trains, selected
from tests.webui.slim import link_or_copy
from tests.webui.webui import WebUI

THEMES = {"lora": ("light", 1280), "dreambooth": ("dark", 1280), "textual_inversion": ("light", 800)}


@pytest.fixture
def other(kind: Kind, request: pytest.FixtureRequest) -> WebUI:
    """Each WebUI but v1.10.1."""
    if kind is A1111:
        pytest.skip("test_story.py has it")
    return request.getfixturevalue("host")


@pytest.fixture
def new_page(open_page: Callable[..., Any], other: WebUI) -> Callable[..., Any]:
    return partial(open_page, other)


def set_up(page: Any, name: str, method: str, steps: int) -> None:
    """A project on the slim checkpoint that is quick to train."""
    story.create(page, name)
    story.describe_dog(page, SUBJECTS["star"].folder)
    story.choose_method(page, method)
    story.put(page, "concepts", "concepts.1.class_images", "1")
    for panel, option, value in (
        ("settings", "data.resolution", "64"),
        ("generate", "samples.prompts", "a photo of sks star"),
        ("generate", "samples.width", "64"),
        ("generate", "samples.height", "64"),
        ("generate", "samples.steps", "1"),
        ("generate", "class_images.steps", "1"),
    ):
        story.put(page, panel, option, value)
    story.set_duration(page, "settings", "schedule.warmup", 0, "steps")
    story.set_duration(page, "settings", "train.length", steps, "steps")
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")


@pytest.mark.parametrize("method", THEMES)
def test_create_train_and_use(method: str, other: WebUI, new_page: Callable[..., Any]) -> None:
    name, shot = f"story {method}".replace("_", " "), f"{other.kind.name}-{method}"
    other.select(other.kind.checkpoint)
    if method == "dreambooth":  # whose name holds that of the result, and which is listed first
        link_or_copy(other.checkpoint, other.checkpoints / f"a {name}.safetensors")
        other.post("/sdapi/v1/refresh-checkpoints")
    page = new_page(*THEMES[method])
    set_up(page, name, method, 3)
    picture(page, f"{shot}-1-ready")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    page.reload()
    open_tab(page)
    page.wait_for_selector('.sdft-output[data-state="finished"], .sdft-output[data-state="failed"]')
    assert "Finished after 3 steps" in page.inner_text(".sdft-state"), story.message(page)
    assert page.locator(".sdft-gallery img").count() >= 1
    picture(page, f"{shot}-2-finished")
    page.click(".sdft-result >> text=Use in txt2img")
    page.locator("#txt2img_generate").wait_for(state="visible")
    used(page, other.kind, method, name)
    picture(page, f"{shot}-3-used")
    told = draw(page)
    model = name if method == "dreambooth" else other.checkpoint.stem
    assert f"Model: {model}," in told, told
    picture(page, f"{shot}-4-drawn")


def used(page: Any, kind: Kind, method: str, name: str) -> None:
    """It is in the prompt or selected, and there is a card of it, with an image."""
    if method == "dreambooth":
        wait_until(lambda: selected(page, kind).startswith(name))
        card(page, "Checkpoints", name)
        return
    text, cards = {"lora": (f"<lora:{name}:1>", "Lora"), "textual_inversion": (name, "Textual Inversion")}[method]
    assert text in page.input_value(PROMPT)
    card(page, cards, name)


def test_a_training_outlives_reload_ui(other: WebUI, new_page: Callable[..., Any]) -> None:
    page = new_page()
    set_up(page, "outlives", "lora", 100_000)
    reload_while_it_trains(page, f"{other.kind.name}-after-reload-ui")
    draw(page)
    card(page, "Lora", "outlives", image="")


def test_the_lesson_trains_and_says_where_its_result_is_used(other: WebUI) -> None:
    project = other.post("/sd_finetune/example")
    settings = project["settings"]
    settings["train"] |= {"length": "2 steps", "device": "cpu"}
    settings["class_images"]["steps"], settings["samples"]["steps"] = 1, 1
    settings["schedule"]["warmup"] = "0 steps"
    place = f"/sd_finetune/projects/{project['name']}"
    assert other.post(f"{place}/settings", settings)["faults"] == {}
    run = f"{place}/runs/{other.post(f'{place}/train')['run']}"
    wait_until(lambda: not other.get(f"{run}/status")["active"])
    (result,) = other.get(f"{run}/results")
    assert "cannot load the toy" in result["sentence"]
    assert (result["prompt"], result["checkpoint"]) == ("", ""), "so there is no button to use it"
    titles = [each["title"] for each in other.get("/sd_finetune/start")["checkpoints"]]
    assert [title for title in titles if "toy" in title] == [], "what cannot be loaded is not among its checkpoints"
    other.post(f"{place}/delete")


def test_what_it_cannot_use_is_not_offered(other: WebUI, new_page: Callable[..., Any]) -> None:
    page = new_page()
    assert "cannot load the toy" in page.inner_text(".sdft-example")
    story.create(page, "offered")
    page.click("#sd_finetune_tab_settings")
    assert page.is_disabled("input[name=sd_finetune_method][value=hypernetwork]")
    assert "Hypernetworks have no effect" in page.inner_text(".sdft-method .sdft-about")
