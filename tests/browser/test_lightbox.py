"""Samples full screen: in a lightbox of our own, and in the WebUI's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser import story
from tests.browser.conftest import Server

NewPage = Callable[..., Any]

THEIR_LIGHTBOX = """
() => {
  const image = Object.assign(document.createElement('img'), {id: 'modalImage', tabIndex: 0});
  const next = Object.assign(document.createElement('a'), {className: 'modalNext', textContent: '>'});
  const modal = Object.assign(document.createElement('div'), {id: 'lightboxModal', tabIndex: 0});
  modal.style.cssText = 'display: none; position: fixed; inset: 0; z-index: 1001';
  modal.append(image, next);
  window.theirs = [];
  modal.addEventListener('keydown', (event) => {
    theirs.push(event.key);
    if (event.key === 'Escape') modal.style.display = 'none';
  }, true);
  window.showModal = (event) => {
    image.src = event.target.src;
    modal.style.display = 'flex';
    modal.focus();
    event.stopPropagation();
  };
  document.body.append(modal);
}
"""
"""As the WebUI's javascript/imageviewer.js does it."""


def with_samples(server: Server, new_page: NewPage, pictures: Path) -> Any:
    page = new_page(server.address)
    story.ready_to_train(server, page, pictures)
    story.train(page)
    story.wait_for_state(page, "finished")
    page.locator(".sdft-gallery img").nth(1).wait_for()
    return page


def names(page: Any, selector: str) -> Any:
    return page.locator(selector).get_attribute("src").split("/")[-1].split("?")[0]


def test_arrow_keys_lead_through_our_own(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = with_samples(quick, new_page, pictures)
    page.locator(".sdft-gallery a").first.focus()
    page.keyboard.press("Enter")
    shown = ".sdft-lightbox img"
    assert names(page, shown) == "step-000040-00.png"
    assert page.locator(shown).bounding_box()["height"] > 700
    page.keyboard.press("ArrowRight")
    assert names(page, shown) == "step-000040-01.png"
    assert page.inner_text(".sdft-lightbox p") == "a dog (seed 1)"
    page.keyboard.press("ArrowRight")
    assert names(page, shown) == "step-000040-00.png"
    page.get_by_label("Previous image").click()
    assert names(page, shown) == "step-000040-01.png"
    page.keyboard.press("Escape")
    page.wait_for_selector(".sdft-lightbox", state="detached")
    assert page.evaluate("document.activeElement.matches('.sdft-gallery a')"), "back where it was opened"


def test_inside_the_webui_it_is_the_webui_s(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = with_samples(quick, new_page, pictures)
    page.evaluate(THEIR_LIGHTBOX)
    for _ in range(2):
        page.locator(".sdft-gallery img").first.click()
        assert names(page, "#modalImage") == "step-000040-00.png"
        page.keyboard.press("ArrowLeft")
        assert names(page, "#modalImage") == "step-000040-01.png"
        page.keyboard.press("s")
        page.click(".modalNext")
        assert names(page, "#modalImage") == "step-000040-00.png"
        page.keyboard.press("Escape")
        page.wait_for_selector("#lightboxModal", state="hidden")
        assert page.evaluate("document.activeElement.matches('.sdft-gallery a')")
    assert page.evaluate("theirs") == ["Escape", "Escape"]
    assert page.locator(".sdft-lightbox").count() == 0
