"""Images that are better left out, and what of an image is trained, as the page shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]


@pytest.fixture
def album(tmp_path: Path, photographs: dict[str, Image.Image]) -> Path:
    """Seven photographs: a copy, a blurred one and a small one among them."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    photographs["cup"].save(folder / "cup.png")
    photographs["cup"].resize((480, 320)).save(folder / "more/cup copy.jpg")
    photographs["rocket"].filter(ImageFilter.GaussianBlur(6)).save(folder / "rocket, blurred.png")
    photographs["cat"].resize((150, 100)).save(folder / "cat, small.png")
    photographs["astronaut"].save(folder / "astronaut.png")
    photographs["astronaut"].crop((0, 0, 320, 512)).save(folder / "portrait.png")
    photographs["cat"].crop((0, 100, 451, 190)).resize((1400, 280)).save(folder / "wide.png")
    return folder


def open_album(server: Server, new_page: NewPage, album: Path, **options: Any) -> Any:
    page = new_page(server.address, **options)
    story.ready_to_train(server, page, album)
    project = server.context.project("my dog")
    settings = project.settings()
    settings["data"]["resolution"] = 512
    project.write_settings(settings)
    page.reload()
    page.click("#sd_finetune_tab_concepts")
    page.wait_for_selector('.sdft-tile[data-name="cup.png"]')
    return page


def badges(page: Any, name: str) -> list[str]:
    return page.locator(f'.sdft-tile[data-name="{name}"] .sdft-badges span').all_inner_texts()


def excluded(server: Server) -> list[str]:
    return sorted(server.context.project("my dog").settings()["concepts"][0].get("exclude", []))


def test_what_is_found_is_marked_listed_and_excluded(quick: Server, new_page: NewPage, album: Path) -> None:
    page = open_album(quick, new_page, album)
    page.click("button:has-text('Find duplicates and blurred images')")
    checks = page.locator(".sdft-checks")
    checks.locator("text=Checked 7 of 7 images.").wait_for()
    assert checks.locator("summary").all_inner_texts() == [
        "Look alike: 1",
        "Blurred: 2",
        "Smaller than they are trained: 4",
    ]
    assert badges(page, "cup.png") == ["duplicate", "small"]
    assert badges(page, "rocket, blurred.png") == ["blurred"]
    assert badges(page, "astronaut.png") == []
    page.click("button[aria-label='Exclude more/cup copy.jpg']")
    wait_until(lambda: excluded(quick) == ["more/cup copy.jpg"])
    assert "duplicate" not in badges(page, "cup.png")
    checks.locator("details:has-text('Blurred') >> text=Exclude all 2").click()
    wait_until(lambda: excluded(quick) == ["cat, small.png", "more/cup copy.jpg", "rocket, blurred.png"])
    assert "Blurred" not in checks.inner_text()
    page.get_by_label("Images to show").select_option("marked")
    assert page.locator(".sdft-tile").count() == 2
    page.get_by_label("Images to show").select_option("excluded")
    checks.locator("button:text-is('portrait.png')").click()
    page.wait_for_function("document.activeElement.dataset.name === 'portrait.png'")


def test_what_is_trained_is_shown_small_and_large_by_keyboard(quick: Server, new_page: NewPage, album: Path) -> None:
    page = open_album(quick, new_page, album)
    tile = '.sdft-tile[data-name="{}"]'
    assert badges(page, "astronaut.png") == []
    page.click("text=Show what is trained")
    page.wait_for_function("document.querySelector('.sdft-tile img').src.includes('/preview?')")
    page.focus(tile.format("wide.png"))
    page.keyboard.press("p")
    page.locator("dialog p:has-text('wide.png, 1400 × 280, trained at 1024 × 256')").wait_for()
    page.wait_for_function("document.querySelector('dialog img').naturalWidth === 1200")
    page.keyboard.press("ArrowLeft")
    page.locator("dialog p:has-text('rocket, blurred.png')").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.dataset.name === 'rocket, blurred.png'")
    before = page.locator(f"{tile.format('wide.png')} img").get_attribute("src")
    story.put(page, "settings", "data.resolution", "256")
    page.click("#sd_finetune_tab_settings")
    page.locator('[data-name="data.buckets"] input').evaluate("input => input.click()")
    page.click("#sd_finetune_tab_concepts")
    page.locator(f"{tile.format('wide.png')} >> text=80 % cut off").wait_for()
    assert page.locator(f"{tile.format('wide.png')} img").get_attribute("src") != before


def test_the_table_of_buckets(quick: Server, new_page: NewPage, album: Path) -> None:
    page = open_album(quick, new_page, album)
    story.put(page, "settings", "train.batch_size", "2")
    page.click("#sd_finetune_tab_concepts")
    table = page.locator(".sdft-buckets")
    table.locator("summary:has-text('Sizes that images are trained in')").click()
    row = table.locator("tr:has-text('1024 × 256')")
    row.wait_for()
    assert row.locator("td").all_inner_texts()[1:3] == ["1", "1"]
    assert sum(int(text) for text in table.locator("td:nth-child(2)").all_inner_texts()) == 7
    table.locator("text=fewer images than Batch size 2").wait_for()
