"""The image cache in the tab: how much is in it, and emptying it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sd_finetune.data.image_cache import latents_in, mark
from tests.browser import story
from tests.browser.conftest import Server

NewPage = Callable[..., Any]


def test_its_size_is_shown_and_it_is_emptied(quick: Server, new_page: NewPage) -> None:
    cache = quick.context.host.data_folder / "image-cache"
    mark(cache)
    file = latents_in(cache) / "ab" / "c.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(5_200_000))
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_saving")
    assert page.locator("text=Empty image cache").is_hidden()
    page.click("text=Show image cache")
    page.wait_for_selector(f".sdft-said:has-text('{cache}: 1 file, 5.2 MB')")
    page.click("text=Empty image cache")
    page.wait_for_selector(f".sdft-said:has-text('{cache}: 0 files, 0 bytes')")
    page.wait_for_selector("text=Empty image cache", state="hidden")
    assert not file.exists()
