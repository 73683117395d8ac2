"""Optional packages in the tab: what each brings, an installation with its log, a stop, a page that is loaded anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import story
from tests.browser.conftest import Server
from tests.optional_packages import PACKAGE, PIP, VERSION, pretend_gpu

NewPage = Callable[..., Any]
FOLD = '[data-group="packages"]'
ROW = f'{FOLD} [data-package="{PACKAGE}"]'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sd_finetune.ui.projects.form.has_gpu_driver", lambda: True)
    pretend_gpu(monkeypatch, tmp_path / "packages", pip="waits")
    return tmp_path / "packages"


def opened(page: Any) -> None:
    page.click("#sd_finetune_tab_settings")
    if not page.locator(FOLD).get_attribute("open"):
        page.click(f"{FOLD} summary")


def test_one_is_stopped_and_then_installed(
    place: Path, quick: Server, new_page: NewPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    opened(page)
    install, stop, log = f"text=Install {PACKAGE} {VERSION}", "text=Stop installing", f"{FOLD} .sdft-log"
    page.wait_for_selector(f"{ROW}:has-text('Brings xFormers')")
    assert page.locator(stop).is_hidden()

    page.click(install)
    page.wait_for_selector(f"{log}:has-text('Downloading')")
    page.reload()  # it goes on, and is shown
    page.wait_for_selector(f"{log}:has-text('Downloading')", state="attached")
    opened_again = page.locator(FOLD).get_attribute("open")
    assert opened_again is not None
    page.click("#sd_finetune_tab_settings")
    assert page.locator(install).is_disabled()
    page.click(stop)
    page.wait_for_selector(f"{FOLD} .sdft-said:has-text('was stopped: nothing of it is left.')")
    assert list(place.iterdir()) == []

    choice = "#sd_finetune_train_attention option[value=xformers]"
    assert page.locator(choice).is_disabled()
    monkeypatch.setenv(PIP, "fine")
    page.click(install)
    page.wait_for_selector(f"{ROW}:has-text('{VERSION} is installed.')")
    page.wait_for_selector(f"{FOLD} .sdft-said:has-text('{PACKAGE} is installed. The next run can use it.')")
    assert page.locator(choice).is_enabled()


def test_without_a_gpu_it_says_why(quick: Server, new_page: NewPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.ui.server.package_routes.gpu_kind", lambda: "")
    page = new_page(quick.address)
    story.create(page, "my dog")
    opened(page)
    page.wait_for_selector(f"{ROW}:has-text('needs an NVIDIA GPU, and no driver of one was found')")
    assert page.locator(f"{ROW} button").count() == 0
