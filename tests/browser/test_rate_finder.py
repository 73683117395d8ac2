"""Finding a learning rate in the tab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser import story
from tests.browser.conftest import Server


def test_a_learning_rate_is_found_shown_and_used(quick: Server, new_page: Callable[..., Any], pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_settings")
    page.click("#sd_finetune_find_rate")
    page.wait_for_selector("#sd_finetune_use_rate:visible")
    curve = page.locator(".sdft-rate-curve")
    page.wait_for_function("document.querySelector('.sdft-rate-curve').naturalWidth > 0")
    assert curve.is_visible()
    page.click("#sd_finetune_use_rate")
    page.wait_for_selector(".sdft-said:text('The suggested learning rate is in its field.')")
    stored = quick.context.project("my dog").settings()["train"]["unet_learning_rate"]
    assert page.locator("#sd_finetune_train_unet_learning_rate").input_value() == f"{stored:g}"
