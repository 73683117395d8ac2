"""What the page says, and how long: a message ends with what it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import story
from tests.browser.conftest import Server, start_server
from tests.screen import wait_until

NewPage = Callable[..., Any]


def test_what_was_asked_for_is_told_until_it_is_done(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    for label, said in (
        ("Save now", "Saving the result after this step."),
        ("Sample now", "Generating samples after this step."),
    ):
        story.press(page, label)
        page.wait_for_selector(f"text={said}")
        page.wait_for_selector(f"text={said}", state="detached")
        page.wait_for_function("document.querySelector('.sdft-state').textContent === 'Training'")
    for _ in range(2):
        story.press(page, "Stop and save")
        story.wait_for_state(page, "stopped")
        assert story.message(page) == ""
        page.click("text=Resume this run")
        story.wait_for_state(page, "running")
    assert page.locator(".sdft-result b:text-is('my dog.safetensors')").count() == 1, "each file once"


def test_what_was_done_goes_by_itself_and_what_went_wrong_with_its_subject(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    page.clock.install()
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.create(page, "second")
    page.wait_for_selector("text=Created second from")
    page.clock.fast_forward(9000)
    page.wait_for_selector("text=Created second from", state="detached")
    page.select_option("#sd_finetune_project", "my dog")
    page.locator(".sdft-facts:has-text('4,000 steps')").wait_for()
    story.train(page)
    story.wait_for_state(page, "running")
    story.train(page)
    refused = 'Only one job runs at a time, and "my dog" is training'
    page.wait_for_selector(f"text={refused}")
    page.clock.fast_forward(60_000)
    assert refused in story.message(page), "it is still true"
    story.press(page, "End at once")
    page.wait_for_selector(f"text={refused}", state="detached")


def test_a_run_can_be_stopped_and_ended_in_every_phase(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    stop, end = (page.locator(f".sdft-commands button:text-matches('^{label}')") for label in ("Stop", "End at once"))
    stop.wait_for()
    assert end.is_visible()
    wait_until(lambda: story.shown_step(page) > 0)
    assert (stop.inner_text(), end.is_visible()) == ("Stop and save", True)
    page.locator("button:text-is('Pause')").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.textContent === 'Resume'")
    assert (stop.is_visible(), end.is_visible()) == (True, True)
    end.click()
    story.wait_for_state(page, "stopped")
    page.wait_for_selector("text=You ended it at once, without saving")
    assert (stop.is_visible(), end.is_visible()) == (False, False)


def test_nothing_waits_where_nothing_is_queued(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    page.evaluate(
        "window.said = new Set(); new MutationObserver(() => said.add(document.querySelector('.sdft-state').innerText))"
        ".observe(document.querySelector('.sdft-output'), {childList: true, subtree: true})"
    )
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    said = page.evaluate("[...said]")
    assert "Training" in said
    assert "Waiting for its turn" not in said[1:]


def test_why_class_images_failed_is_told(
    quick: Server, new_page: NewPage, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sd_finetune.runs.launch.WORKER", "no_such_worker")
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_generate")
    page.click("text=Generate missing class images")
    page.wait_for_selector("#sd_finetune_panel_generate >> text=The worker ended with exit code 1")
    assert page.locator("text=Done.").count() == 0


REFUSALS: dict[str, tuple[str, Any]] = {
    "Choose another name.": ("400 Bad Request", {"error": "Choose another name."}),
    "The server answered 403 Forbidden: Not from there.": ("403 Forbidden", {"detail": "Not from there."}),
    "The server answered 409 Conflict: Ask again.": (
        "409 Conflict", {"error": "HTTPException", "detail": "Ask again.", "errors": "409: Ask again."},
    ),
    "The server answered 404 Not Found.": ("404 Not Found", {"detail": "Not Found"}),
    "The server answered 422: since: not a number.": (
        "422 ", {"detail": [{"loc": ["query", "since"], "msg": "not a number"}]},
    ),
    "The server answered 500 Internal Server Error: no such thing.": (
        "500 Internal Server Error", {"error": "KeyError", "detail": "", "errors": "no such thing"},
    ),
    "The server answered 413 Payload Too Large.": ("413 Payload Too Large", "no object"),
    "The server answered 400 Bad Request.": ("400 Bad Request", {"detail": [None], "error": 3}),
}  # fmt: skip
"""What the page says of an answer's code and content, such as those of FastAPI and of the WebUI with --api."""
ASK = """async ([code, content]) => {
    const { get } = await import('/sd_finetune/web/api.mjs');
    const real = window.fetch;
    const answer = new Response(JSON.stringify(content), { status: code.slice(0, 3), statusText: code.slice(4) });
    window.fetch = async (target, request) => (target.endsWith('/odd') ? answer : real(target, request));
    return get('odd').catch((error) => error.message).finally(() => { window.fetch = real; });
}"""


def test_why_the_server_refuses_is_told_whoever_says_it(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for said, answer in REFUSALS.items():
        assert page.evaluate(ASK, list(answer)) == said


def test_a_lost_connection_is_told_and_what_was_typed_meanwhile_is_kept(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    quick.stop()
    page.wait_for_selector("text=Connection to the server lost, trying again.")
    story.set_duration(page, "settings", "train.length", 77, "steps")
    page.wait_for_timeout(600)  # until the page has tried to keep it
    again = start_server(tmp_path, quick.port)
    page.wait_for_selector("text=Connection to the server lost", state="hidden")
    wait_until(lambda: again.context.project("my dog").settings()["train"]["length"] == "77 steps")
    again.stop()
