"""What the page tells of a host that cannot use everything that is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import story
from tests.browser.conftest import Server

WHY = "Hypernetworks have no effect here: train a LoRA."
NOTE = "The toy cannot be loaded here."


def test_what_is_of_no_use_here_is_said_and_not_offered(
    quick: Server, new_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = quick.context.host
    monkeypatch.setattr(host, "unusable", lambda kind: WHY if kind == "hypernetwork" else "")
    monkeypatch.setattr(host, "example_note", lambda: NOTE)
    page = new_page(quick.address)
    assert NOTE in page.inner_text(".sdft-example")
    story.create(page, "dog")
    page.click("#sd_finetune_tab_settings")
    assert page.is_disabled("input[name=sd_finetune_method][value=hypernetwork]")
    assert page.inner_text(".sdft-method .sdft-about") == WHY
    project = quick.context.project("dog")
    project.write_settings({**project.settings(), "method": "hypernetwork"})
    page.reload()
    page.wait_for_selector("input[name=sd_finetune_method][value=hypernetwork]:checked", state="attached")
    story.train(page)
    page.wait_for_selector(f'.sdft-fault-link:has-text("Settings → {WHY}")')
    assert page.inner_text(".sdft-method .sdft-fault") == WHY
    story.choose_method(page, "lora")
    page.wait_for_function("!document.querySelector('.sdft-method').classList.contains('sdft-faulty')")
