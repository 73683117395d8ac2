"""The Output panel through a run, with a worker that only pretends and so takes no time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sd_finetune.runs.worker_process import noted_worker
from tests.browser import story
from tests.browser.conftest import Server, start_server
from tests.screen import wait_until

NewPage = Callable[..., Any]


def test_a_reload_and_another_tab_find_the_run_and_one_of_many_presses_counts(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    page.locator("#sd_finetune_generate").dblclick()
    story.wait_for_state(page, "running")
    wait_until(lambda: story.shown_step(page) > 0)
    page.reload()
    story.wait_for_state(page, "running")
    second = new_page(quick.address)
    wait_until(lambda: story.shown_step(second) > 5)
    story.train(second)
    second.wait_for_selector('text=Only one job runs at a time, and "my dog" is training')
    wait_until(lambda: abs(story.shown_step(page) - story.shown_step(second)) <= 60)
    assert quick.context.project("my dog").run_names() == ["my dog-001"]
    story.press(second, "Stop and save")
    story.wait_for_state(page, "stopped")
    story.wait_for_state(second, "stopped")


def test_pause_resume_save_sample_stop_and_continue(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 1)  # when the first steps come, all that they tell moves in
    story.press(page, "Pause")
    story.wait_for_state(page, "paused")
    assert "memory 1.9 GB" in page.inner_text(".sdft-numbers"), "of 2^30 bytes"
    before = story.shown_step(page)
    page.wait_for_timeout(700)  # more than ten steps of the worker, and one look of the page
    assert story.shown_step(page) - before <= 2
    story.press(page, "Resume")
    story.wait_for_state(page, "running")
    story.press(page, "Save now")
    page.wait_for_selector(".sdft-result")
    assert "-step0" in page.inner_text(".sdft-result b")
    assert page.inner_text(".sdft-step") == "before training"
    story.press(page, "Sample now")
    page.wait_for_function("document.querySelector('.sdft-step').textContent !== 'before training'")
    story.press(page, "Stop and save")
    story.wait_for_state(page, "stopped")
    stopped = story.shown_step(page)
    story.press(page, "Resume this run")
    wait_until(lambda: story.shown_step(page) > stopped)
    assert quick.context.project("my dog").run_names() == ["my dog-001"]
    story.press(page, "Stop and save")
    story.wait_for_state(page, "stopped")
    goes_on_in_another_project(page, story.shown_step(page))
    assert quick.context.project("my dog").run_names() == ["my dog-001"]


def test_a_run_that_could_not_save_is_continued(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, notes="cannot save")
    story.train(page)
    story.wait_for_state(page, "failed")
    page.wait_for_selector("text=my dog-001 ended unfinished.")
    page.reload()
    page.click("button:text-is('Resume from step 40')")
    story.wait_for_state(page, "finished")
    page.locator("#sd_finetune_resume").wait_for(state="hidden")
    assert page.locator("text=Resume this run").is_hidden()
    assert quick.context.project("my dog").run_names() == ["my dog-001"]


def goes_on_in_another_project(page: Any, stopped: int) -> None:
    page.click("#sd_finetune_tab_create")
    page.fill("#sd_finetune_name", "my puppy")
    page.locator("#sd_finetune_continue_from option:has-text('my dog-001: snapshot')").wait_for(state="attached")
    page.select_option("#sd_finetune_continue_from", index=1)
    assert page.locator("#sd_finetune_source").is_hidden()
    page.click("#sd_finetune_create")
    page.locator(f".sdft-facts:has-text('continues from step {stopped} of my dog-001')").wait_for()
    story.set_duration(page, "settings", "train.length", stopped, "steps")
    page.locator("text=make it longer").first.wait_for()
    story.set_duration(page, "settings", "train.length", 4000, "steps")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > stopped)
    first = page.get_by_label("Loss curve to step").evaluate("canvas => canvas.getAttribute('aria-label')")
    assert int(first.split(":")[0].split()[-1]) > stopped


def test_a_killed_worker_is_told_and_the_next_run_works(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    worker = noted_worker(quick.context.run("my dog", "my dog-001"))
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    killed = time.monotonic()
    story.wait_for_state(page, "failed")
    assert time.monotonic() - killed < 5
    assert "was killed by SIGKILL (the system does this when RAM runs out)" in story.message(page)
    story.put(page, "saving", "output.notes", "")
    story.set_duration(page, "settings", "train.length", 20, "steps")
    story.train(page)
    story.wait_for_state(page, "finished")
    assert story.message(page) == ""


def test_a_server_that_comes_back_is_found_again(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, length=4000, notes="slow")
    story.train(page)
    wait_until(lambda: story.shown_step(page) > 0)
    quick.stop()
    page.wait_for_selector("text=Connection to the server lost, trying again.")
    before = story.shown_step(page)
    again = start_server(tmp_path, quick.port)
    wait_until(lambda: story.shown_step(page) > before)
    page.wait_for_selector("text=Connection to the server lost", state="hidden")
    story.press(page, "Stop and save")
    story.wait_for_state(page, "stopped")
    again.stop()


def test_what_scrolls_is_not_seen_through_the_state(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.evaluate("sd_finetune_root.style.setProperty('--block-background-fill', 'transparent')")  # as in the WebUI
    behind = page.locator(".sdft-now").evaluate("now => getComputedStyle(now).backgroundColor")
    assert behind not in ("rgba(0, 0, 0, 0)", "transparent")


def test_the_gallery_goes_through_time(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.train(page)
    story.wait_for_state(page, "finished")
    slider = page.locator(".sdft-time input")
    assert (slider.input_value(), page.inner_text(".sdft-step")) == ("4", "40")
    slider.focus()
    page.keyboard.press("Home")
    assert page.inner_text(".sdft-step") == "before training"
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".sdft-step") == "10"
    captions = page.locator(".sdft-gallery figcaption").all_inner_texts()
    assert captions == ["a photo of sks dog seed 0", "a dog seed 1"]
    width = page.locator(".sdft-gallery img").first.evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert width == 64
    page.get_by_text("beside those before training").click()
    assert page.locator(".sdft-gallery figcaption").all_inner_texts() == [
        "a photo of sks dog seed 0, before", "a photo of sks dog seed 0", "a dog seed 1, before", "a dog seed 1",
    ]  # fmt: skip
    page.get_by_text("beside those before training").click()
    page.select_option('[aria-label="Prompt of the samples"]', "a dog (seed 1)")
    assert page.locator(".sdft-gallery figcaption").all_inner_texts() == ["a dog seed 1"]
    source = page.locator(".sdft-gallery img").get_attribute("src")
    slider.focus()
    page.keyboard.press("End")
    assert page.locator(".sdft-gallery figcaption").all_inner_texts() == ["a dog seed 1"]
    assert "step-000040-01" in page.locator(".sdft-gallery img").get_attribute("src") != source


def train_twice(server: Server, page: Any, pictures: Path) -> None:
    """The runs "my dog-001" and "my dog-002", of which the second is looked at."""
    story.ready_to_train(server, page, pictures)
    for number in (1, 2):
        story.train(page)
        page.wait_for_function(f"document.querySelector('[aria-label=Run]').value === 'my dog-00{number}'")
        story.wait_for_state(page, "finished")


def test_the_curve_tells_values_and_compares_runs(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    train_twice(quick, page, pictures)
    canvas = page.locator(".sdft-canvas")
    assert "smoothed loss" in canvas.get_attribute("aria-label")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    tip = page.inner_text(".sdft-tip")
    assert "step 20" in tip
    assert all(name in tip for name in ("raw", "prior 0.1500", "evaluation", "learning rate 1.00e-4"))
    assert page.locator(".sdft-legend:has-text('earlier run')").is_hidden()
    page.select_option('[aria-label="Compare with an earlier run"]', "my dog-001")
    page.locator(".sdft-legend:has-text('earlier run')").wait_for()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    assert "earlier run" in page.inner_text(".sdft-tip")
    page.mouse.move(0, 0)
    with page.expect_response("**/settings/use"):
        page.click("text=Load this run's settings")
    page.wait_for_timeout(300)  # the project is read anew
    assert page.input_value('[aria-label="Compare with an earlier run"]') == "my dog-001", "as the curve still shows it"
    linear = drawn_curve(page)
    log = page.locator(".sdft-legend:has-text('log axis') input")
    log.check()
    logarithmic = drawn_curve(page)
    assert logarithmic != linear
    page.get_by_label("Smoothing").fill("0")
    assert drawn_curve(page) != logarithmic
    log.uncheck()
    page.locator(".sdft-legend:has-text('raw') input").uncheck()
    assert drawn_curve(page) != linear


def test_results_and_log_are_those_of_the_run_that_is_looked_at(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    train_twice(quick, page, pictures)
    first, second = (quick.context.project("my dog").runs / f"my dog-00{number}" for number in (1, 2))
    second.joinpath("worker.log").write_text("of the second run")
    page.click("summary:text-is('Log')")
    page.wait_for_selector(".sdft-log:text-is('of the second run')")
    held: list[Any] = []
    page.route("**/runs/my%20dog-002/results", lambda route: held.append(route))
    page.select_option("[aria-label=Run]", first.name)
    page.wait_for_selector(".sdft-log:text-is('pretending')")
    page.wait_for_selector(".sdft-result")
    page.select_option("[aria-label=Run]", second.name)
    wait_until(lambda: page.wait_for_timeout(20) or held)
    page.select_option("[aria-label=Run]", first.name)
    page.wait_for_selector(".sdft-result")
    shown = page.inner_text(".sdft-result >> nth=0")
    with page.expect_response("**/runs/my%20dog-002/results"):
        held[0].fulfill(json=[])
    page.wait_for_timeout(200)
    assert page.inner_text(".sdft-result >> nth=0") == shown


def drawn_curve(page: Any) -> str:
    """What is on the canvas once it was drawn anew."""
    return page.evaluate(
        "new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => "
        "resolve(document.querySelector('.sdft-canvas').toDataURL()))))"
    )


def test_what_is_drawn_can_be_ended(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures, notes="slow")
    page.click("#sd_finetune_tab_generate")
    page.click("text=Generate missing class images")
    page.wait_for_selector("text=Generating class images: 1 of 2.")
    page.click("#sd_finetune_panel_generate button:text-is('Cancel')")
    wait_until(lambda: quick.context.runner.current() is None)
    page.wait_for_selector("#sd_finetune_panel_generate >> text=You ended it at once")
    assert page.locator("#sd_finetune_panel_generate button:text-is('Cancel')").is_hidden()
    story.put(page, "saving", "output.notes", "")
    page.click("#sd_finetune_tab_generate")
    page.click("text=Generate missing class images")
    runs = quick.context.project("my dog").folder / "class-picture-runs"
    wait_until(lambda: [1 for events in runs.glob("*/events.jsonl") if '"finished"' in events.read_text()])
