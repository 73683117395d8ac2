"""The whole story with a real worker and the toy checkpoint: create, describe, train, look at the result."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.formats.identify import identify
from tests.browser import story
from tests.browser.conftest import Server

KINDS = {
    "lora": "lora",
    "dreambooth": "checkpoint",
    "textual_inversion": "embedding",
    "hypernetwork": "hypernetwork",
}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads only wait for each other in so small a model


def by_hand(page: Any) -> None:
    story.create(page, "skstar")
    story.choose_method(page, "lora")
    story.describe_dog(page, SUBJECTS["star"].folder)
    story.put(page, "concepts", "concepts.1.class_images", "2")
    story.set_duration(page, "settings", "train.length", 3, "steps")
    story.set_duration(page, "settings", "schedule.warmup", 0, "steps")
    story.put(page, "generate", "samples.prompts", "a photo of sks star")
    story.put(page, "generate", "samples.steps", "2")
    story.put(page, "generate", "class_images.steps", "2")


def as_kept(server: Server, page: Any, method: str) -> None:
    """The same settings for another method, as they were kept earlier; less to wait for."""
    story.create(page, "skstar")
    project = server.context.project("skstar")
    settings: dict[str, Any] = {**project.settings(), "method": method}
    concept = {"folder": str(SUBJECTS["star"].folder), "instance_prompt": "a photo of sks star"}
    settings["concepts"] = [{**concept, "class_prompt": "a photo of a star", "class_images": 2}]
    settings["train"]["length"], settings["schedule"]["warmup"] = "3 steps", "0 steps"
    settings["samples"] |= {"prompts": ["a photo of sks star"], "steps": 2}
    settings["class_images"]["steps"] = 2
    settings["evaluation"]["every"] = "0 steps"
    project.write_settings(settings)
    page.reload()
    page.wait_for_selector(f'input[name=sd_finetune_method][value="{method}"]:checked', state="attached")


@pytest.mark.parametrize("method", KINDS)
def test_from_create_to_result(method: str, server: Server, new_page: Callable[..., Any]) -> None:
    page = new_page(server.address)
    by_hand(page) if method == "lora" else as_kept(server, page, method)
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")
    story.train(page)
    page.wait_for_selector('.sdft-output[data-state="finished"], .sdft-output[data-state="failed"]')
    assert "Finished after 3 steps" in page.inner_text(".sdft-state"), story.message(page)
    page.wait_for_selector(".sdft-result")
    with page.expect_download() as download:
        page.click(".sdft-result >> text=Download")
    file = Path(page.inner_text(".sdft-place"))
    assert Path(download.value.path()).read_bytes() == file.read_bytes()
    assert identify(file).kind == KINDS[method]
    assert page.locator(".sdft-gallery img").count() == 1
    if method == "lora":  # what follows is alike for all
        looks_at_class_images(page)
        generates_with_the_result(page)
    if "SCREENSHOTS" in os.environ:
        page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"{method}.png")


def looks_at_class_images(page: Any) -> None:
    page.click("#sd_finetune_tab_generate")
    summary = page.locator('summary:has-text("2 images of")')
    summary.click()
    page.get_by_label("Delete 00000.png").click()
    page.wait_for_selector('summary:has-text("1 image of")')


def generates_with_the_result(page: Any) -> None:
    page.fill("#sd_finetune_generate_prompt", "a photo of a star")
    page.fill("#sd_finetune_generate_count", "2")
    first = page.locator("#sd_finetune_generate_with option >> nth=0")
    first.and_(page.get_by_text("skstar.safetensors, step 3")).wait_for(state="attached")
    page.select_option("#sd_finetune_generate_with", index=0)
    page.click('text="Generate" >> nth=-1')
    page.wait_for_selector(".sdft-generated img >> nth=1")
    width = page.locator(".sdft-generated img").last.evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert width == 64
