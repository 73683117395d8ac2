"""Caption all in the tab: by a model of the host's, with progress, stop and undo, by pointer and by keyboard."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sd_finetune.hosts.host import Interrogator
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

BY, EXISTING = "#sd_finetune_captions_1_by", "#sd_finetune_captions_1_existing"
TILE = '.sdft-tile[data-name="1.png"] .sdft-tile-caption'


class Model:
    """Captions at once, but waits before the image number `held`."""

    def __init__(self, held: int = -1) -> None:
        self.count, self.held, self.go_on = 0, held, threading.Event()

    @contextmanager
    def ready(self) -> Iterator[Callable[[Image.Image], str]]:
        yield self._caption

    def _caption(self, image: Image.Image) -> str:
        if self.count == self.held:
            assert self.go_on.wait(60)
        self.count += 1
        if self.count == 3:
            raise RuntimeError("out of memory")
        return f"a dog, number {self.count}"


@pytest.fixture
def model(quick: Server, monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model(held=1)
    found = [
        Interrogator("blip", "BLIP, a sentence", "The WebUI has no model for BLIP yet.", made.ready),
        Interrogator("deepbooru", "deepbooru, tags", "", made.ready),
    ]
    monkeypatch.setattr(quick.context.host, "interrogators", lambda: found)
    return made


def open_fold(quick: Server, page: Any, pictures: Path) -> None:
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_concepts")
    page.locator("summary:text-is('Caption all')").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('{BY}').options.length === 3")


def said(page: Any) -> str:
    return story.said_of_captions(page)


def press(page: Any, label: str) -> None:
    page.locator(f"#sd_finetune_panel_concepts button:visible:text-is('{label}')").click()


def captions(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text().strip() for file in folder.glob("*.txt")}


def test_captions_are_made_stopped_and_taken_back(
    quick: Server, model: Model, pictures: Path, new_page: Callable[..., Any]
) -> None:
    (pictures / "2.txt").write_text("mine")
    page = new_page(quick.address)
    open_fold(quick, page, pictures)
    assert page.input_value(BY) == "deepbooru", "one that can be used"
    page.select_option(BY, "blip")
    make = page.locator("button:text-is('Caption all')")
    assert make.is_disabled()
    assert page.locator("text=The WebUI has no model for BLIP yet.").is_visible()
    page.select_option(BY, "deepbooru")
    page.select_option(EXISTING, "after")
    make.focus()
    page.keyboard.press("Enter")
    wait_until(lambda: said(page) == "Captioned 1 of 3.")
    if "SCREENSHOTS" in os.environ:
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / "caption-all.png", full_page=True)
    with page.expect_response("**/end"):  # else what goes on may come first
        press(page, "Stop")
    model.go_on.set()
    wait_until(lambda: said(page) == "Captioning was stopped. Captioned 2 of 3 images.")
    assert captions(pictures) == {"0": "a dog, number 1", "1": "a dog, number 2", "2": "mine"}
    page.wait_for_selector(f"{TILE}:text-is('a dog, number 2')")
    press(page, "Undo Caption all")
    wait_until(lambda: said(page) == "Took back 2 captions.")
    assert captions(pictures) == {"2": "mine"}
    page.wait_for_selector(f"{TILE}.sdft-tile-none")


def test_what_fails_is_listed_and_another_window_sees_it_all(
    quick: Server, model: Model, pictures: Path, new_page: Callable[..., Any]
) -> None:
    page = new_page(quick.address)
    open_fold(quick, page, pictures)
    press(page, "Caption all")
    other = new_page(quick.address)
    other.click("#sd_finetune_tab_concepts")
    wait_until(lambda: said(other) == "Captioned 1 of 3.")
    model.go_on.set()
    for each in (page, other):
        wait_until(lambda each=each: "Captioned 2 of 3 images. No caption for 1 image: " in said(each))
        each.locator("summary:text-is('Without a caption: 1')").click()
        assert each.locator("li:has-text('2.png has no caption (RuntimeError: out of memory).')").is_visible()


def test_one_that_ends_before_the_page_looks_is_told(
    quick: Server, model: Model, pictures: Path, new_page: Callable[..., Any]
) -> None:
    model.held = -1
    (pictures / "0.txt").write_text("mine")
    page = new_page(quick.address)
    open_fold(quick, page, pictures)
    story.put(page, "concepts", "concepts.1.instance_prompt", "[filewords]")
    without = page.locator("text=2 images without a caption")
    without.wait_for()
    press(page, "Caption all")
    wait_until(lambda: said(page) == "Captioned 2 of 2 images.")
    page.wait_for_selector(f"{TILE}:text-is('a dog, number 1')")
    without.wait_for(state="hidden")
    page.locator("button:text-is('Add a concept')").click()
    page.wait_for_selector("text=Concept 2")
    assert said(page) == "Captioned 2 of 2 images.", "it stays where the concepts are shown anew"
