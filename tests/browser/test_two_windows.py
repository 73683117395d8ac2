"""One project in two windows: what is changed in one is seen in the other, and nothing is overwritten unseen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.ui.projects.changes import change_settings
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]


def test_each_takes_over_what_the_other_changes(quick: Server, new_page: NewPage, pictures: Path) -> None:
    one = new_page(quick.address)
    story.ready_to_train(quick, one, pictures)
    other = new_page(quick.address)
    story.put(other, "saving", "output.notes", "of the other one")
    one.click("#sd_finetune_tab_settings")
    one.focus("#sd_finetune_train_batch_size")
    one.wait_for_selector("text=Changed in another window: Notes.")
    assert one.input_value("#sd_finetune_output_notes") == "of the other one"
    assert one.evaluate("document.activeElement.id") == "sd_finetune_train_batch_size"
    story.put(one, "settings", "train.batch_size", "2")
    story.put(other, "concepts", "concepts.1.class_prompt", "a star")
    wait_until(lambda: other.input_value("#sd_finetune_train_batch_size") == "2")
    wait_until(lambda: one.input_value("#sd_finetune_concepts_1_class_prompt") == "a star")
    one.wait_for_selector(".sdft-count:has-text('3 images')", state="attached")
    settings = quick.context.project("my dog").settings()
    assert (settings["output"]["notes"], settings["train"]["batch_size"]) == ("of the other one", 2)
    assert settings["concepts"][0]["class_prompt"] == "a star"


def test_of_two_changes_of_one_setting_the_second_is_told(quick: Server, new_page: NewPage, pictures: Path) -> None:
    one = new_page(quick.address)
    story.ready_to_train(quick, one, pictures)
    project = quick.context.project("my dog")
    one.route("**/changes", lambda route: (another(project), route.continue_()))
    story.put(one, "saving", "output.notes", "mine")
    one.wait_for_selector("text=Changed in another window at the same time, whose value stands: Notes.")
    assert one.input_value("#sd_finetune_output_notes") == "theirs"
    assert project.settings()["output"]["notes"] == "theirs"


def another(project: Any) -> None:
    settings = project.settings()
    settings["output"]["notes"] = "theirs"
    project.write_settings(settings)


def test_what_is_typed_while_it_is_kept_is_kept_too(
    quick: Server, new_page: NewPage, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = new_page(quick.address)
    story.ready_to_train(quick, one, pictures)

    def slowly(*arguments: Any) -> dict[str, Any]:
        time.sleep(0.5)
        return change_settings(*arguments)

    monkeypatch.setattr("sd_finetune.ui.server.project_routes.change_settings", slowly)
    story.put(one, "saving", "output.notes", "")
    field = one.locator("#sd_finetune_output_notes")
    field.focus()
    for word in ("slow ", "and ", "long ", "notes"):
        field.press_sequentially(word, delay=30)
        one.wait_for_timeout(400)
    wait_until(lambda: quick.context.project("my dog").settings()["output"]["notes"] == "slow and long notes")
    assert field.input_value() == "slow and long notes"
    assert story.message(one) == ""


@pytest.mark.parametrize("with_others", [True, False])
def test_a_project_that_another_window_deletes_is_left(quick: Server, new_page: NewPage, with_others: bool) -> None:
    one = new_page(quick.address)
    if with_others:
        story.create(one, "a cat")
    story.create(one, "my dog")
    one.wait_for_selector("text=Created my dog")
    quick.context.project("my dog").delete()
    one.wait_for_selector("text=The project my dog was deleted in another window.")
    assert one.input_value("#sd_finetune_project") == ("a cat" if with_others else "")


def test_a_damaged_project_is_named_and_all_others_work(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    quick.context.project("a cat").file.write_text("{broken")
    page.select_option("#sd_finetune_project", "a cat")
    page.wait_for_selector("text=model.json is damaged")
    assert page.locator("#sd_finetune_tab_settings").is_disabled()
    page.select_option("#sd_finetune_project", "my dog")
    page.locator(".sdft-facts:has-text('from toy')").wait_for()
    page.select_option("#sd_finetune_project", "a cat")
    page.wait_for_selector("text=model.json is damaged")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button:text-is('Delete')")
    page.locator(".sdft-facts:has-text('from toy')").wait_for()
    assert page.locator("#sd_finetune_project option").all_inner_texts() == ["my dog"]


def test_the_project_that_was_chosen_last_is_shown(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    held: list[Any] = []
    page.route("**/projects/a%20cat", lambda route: held.append(route))
    page.select_option("#sd_finetune_project", "a cat")
    wait_until(lambda: page.wait_for_timeout(20) or held)
    page.select_option("#sd_finetune_project", "my dog")
    story.put(page, "saving", "output.notes", "of the dog")
    with page.expect_response("**/projects/a%20cat"):
        held[0].continue_()
    story.put(page, "saving", "output.title", "a dog")
    wait_until(lambda: quick.context.project("my dog").settings()["output"].get("title") == "a dog")
    assert page.input_value("#sd_finetune_project") == "my dog"
    assert quick.context.project("a cat").settings()["output"].get("title", "") == ""
