"""Class images in the panel Generate: looked through, and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.runs.own_files import CLASS_IMAGES_NOTE
from sd_finetune.ui.projects.host_folders import CLASS_IMAGES
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import make_images

NewPage = Callable[..., Any]


@pytest.fixture
def folder(quick: Server) -> Path:
    """Of the prompt of `story.ready_to_train`."""
    made = quick.context.host.data_folder / CLASS_IMAGES / "made"
    made.mkdir(parents=True)
    (made / CLASS_IMAGES_NOTE).write_text(json.dumps({"prompt": "a photo of a star"}))
    return made


def look_at(folder: Path, count: int, server: Server, new_page: NewPage, pictures: Path) -> Any:
    make_images(folder, count)
    page = new_page(server.address)
    story.ready_to_train(server, page, pictures)
    page.click("#sd_finetune_tab_generate")
    page.locator(f'summary:has-text("{count} images of")').click()
    return page


def test_one_that_was_deleted_elsewhere_is_told_and_goes(
    folder: Path, quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = look_at(folder, 2, quick, new_page, pictures)
    (folder / "0.png").unlink()
    page.get_by_label("Delete 0.png").click()
    page.wait_for_selector(".sdft-message:has-text('Image 0.png not found')")
    page.wait_for_selector('summary:has-text("1 image of")')
    page.get_by_label("Delete 1.png").click()
    page.wait_for_selector('summary:has-text("image of")', state="detached")
    assert not (folder / "1.png").exists()


def test_all_of_many_can_be_looked_through(folder: Path, quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = look_at(folder, 202, quick, new_page, pictures)
    images = page.locator(".sdft-thumbnails figure")
    assert images.count() == 100
    page.click("text=Show 100 more images")
    page.click("text=Show 2 more images")
    page.locator(".sdft-thumbnails figure >> nth=201").wait_for()
    assert page.locator("text=/more image/").count() == 0
    page.locator(".sdft-thumbnails button").last.click()
    page.wait_for_selector('summary:has-text("201 images of")')
    assert images.count() == 201, "they stay open to be looked through"
