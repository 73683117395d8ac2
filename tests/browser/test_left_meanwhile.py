"""What was begun in one project or folder, and answered when another is shown, belongs to where it was begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import make_images, wait_until

NewPage = Callable[..., Any]
REFUSED = "x" * 300
"""A path that is not even kept as it is."""


@contextmanager
def held(page: Any, pattern: str, method: str = "POST") -> Iterator[Callable[[], None]]:
    """Requests of such an address wait until the end; gives what waits for the first of them."""
    waiting: list[Any] = []

    def take(route: Any) -> None:
        if route.request.method == method:
            waiting.append(route)
        else:
            route.continue_()

    page.route(pattern, take)
    yield lambda: wait_until(lambda: page.wait_for_timeout(20) or waiting)
    page.unroute(pattern, take)
    for route in waiting:
        route.continue_()


def settings_of(server: Server, name: str) -> dict[str, Any]:
    return server.context.project(name).settings()


def runs_of(server: Server, name: str) -> list[str]:
    return server.context.project(name).run_names()


def choose(page: Any, name: str) -> None:
    page.select_option("#sd_finetune_project", name)
    page.wait_for_function("name => document.querySelector('.sdft-facts').textContent.includes(name)", arg="from")


def cat_and_dog(server: Server, page: Any, pictures: Path) -> None:
    """Two projects, of which "my dog" is shown and can be trained."""
    story.create(page, "a cat")
    story.ready_to_train(server, page, pictures)


def test_train_trains_the_project_in_which_it_was_pressed(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    cat_and_dog(quick, page, pictures)
    with held(page, "**/projects/my%20dog/train") as begun:
        story.train(page)
        begun()
        page.select_option("#sd_finetune_project", "a cat")
        page.wait_for_function("document.querySelector('#sd_finetune_concepts_1_folder').value === ''")
    wait_until(lambda: page.wait_for_timeout(20) or runs_of(quick, "my dog"))
    page.wait_for_timeout(1500)  # until the lists are read once more
    assert runs_of(quick, "a cat") == []
    assert page.input_value("#sd_finetune_project") == "a cat"
    assert page.locator(".sdft-empty").is_visible(), "its run is none of this project"
    assert story.message(page) == ""


def test_what_goes_wrong_there_is_told_with_its_name(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    story.put(page, "settings", "train.batch_size", "many")
    with held(page, "**/projects/my%20dog/fit") as begun:
        page.click("#sd_finetune_fit")
        begun()
        page.select_option("#sd_finetune_project", "a cat")
        page.wait_for_selector(".sdft-said:text-is('Looking for the GPU.')", state="detached")
        before = settings_of(quick, "a cat")
    page.wait_for_selector(f"{story.OUTPUT} .sdft-message:has-text('my dog: Fix these settings')")
    assert settings_of(quick, "a cat") == before


def test_nothing_begins_with_settings_that_could_not_be_kept(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.put(page, "saving", "output.folder", REFUSED)
    story.train(page)
    page.wait_for_function("!document.querySelector('#sd_finetune_generate').disabled")
    assert "255 bytes" in story.message(page)
    assert page.locator('[data-name="output.folder"] input').input_value() == REFUSED
    assert runs_of(quick, "my dog") == []


def test_an_upload_ends_where_it_began(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    page.click("#sd_finetune_tab_concepts")
    images = [str(path) for path in sorted(pictures.iterdir())]
    with held(page, "**/projects/my%20dog/concepts/1/upload*") as begun:
        page.locator(".sdft-drop input").set_input_files(images)
        begun()
        page.click("text=Add a concept")
        page.wait_for_selector("text=Concept 2")
        assert page.locator(".sdft-count:has-text('Uploading 1 of 3')").is_visible()
        page.click("text=Remove concept 2")
        page.wait_for_selector("text=Wait until the images are uploaded.")
        page.select_option("#sd_finetune_project", "a cat")
        page.wait_for_selector("text=Concept 2", state="detached")
    wait_until(lambda: page.wait_for_timeout(20) or settings_of(quick, "my dog")["concepts"][0]["folder"])
    folder = Path(settings_of(quick, "my dog")["concepts"][0]["folder"])
    wait_until(lambda: page.wait_for_timeout(20) or len(list(folder.iterdir())) == 3)
    assert [each["folder"] for each in settings_of(quick, "a cat")["concepts"]] == [""]
    choose(page, "my dog")
    page.wait_for_selector(".sdft-tile img >> nth=2")
    assert page.get_by_label("Remove 0.png").is_visible()


def test_what_was_dropped_counts(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.put(page, "concepts", "concepts.1.folder", "")
    story.put(page, "settings", "train.batch_size", "1")
    story.set_duration(page, "settings", "train.length", 1, "epochs")
    page.click("#sd_finetune_tab_concepts")
    images = [str(path) for path in sorted(pictures.iterdir())]
    for count, dropped in ((2, images[:2]), (3, images[2:])):
        page.locator(".sdft-drop input").set_input_files(dropped)
        page.wait_for_selector(f".sdft-facts:has-text('{count} steps, {count} per epoch')")


def test_a_caption_that_is_being_edited_is_of_the_folder_before(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    other = make_images(tmp_path / "others", 3)
    page.click("#sd_finetune_tab_concepts")
    caption = page.locator(".sdft-tile-caption").first
    caption.wait_for()
    with held(page, "**/concepts/1/images", "GET") as begun:
        story.put(page, "concepts", "concepts.1.folder", str(other))
        begun()
        caption.click()
        page.keyboard.type("a star in the snow")
    page.wait_for_selector("text=Concept 1 has another folder by now")
    assert list(tmp_path.rglob("*.txt")) == []


def test_a_list_is_that_of_the_folder_beside_it(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    make_images(tmp_path / "others", 2)
    page.click("#sd_finetune_tab_concepts")
    page.wait_for_selector(".sdft-tile >> nth=2")
    with held(page, "**/projects/my%20dog/changes") as begun:
        story.put(page, "concepts", "concepts.1.folder", str(tmp_path / "my pictures"))
        story.put(page, "concepts", "concepts.1.class_prompt", "a dog")
        begun()
        story.put(page, "concepts", "concepts.1.folder", str(tmp_path / "others"))
    page.wait_for_selector(".sdft-count:has-text('2 images')")
    page.wait_for_selector(".sdft-tile >> nth=2", state="detached")


def test_what_is_refused_is_told_where_one_goes(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    story.put(page, "saving", "output.folder", REFUSED)
    page.select_option("#sd_finetune_project", "a cat")
    page.wait_for_selector(f"{story.OUTPUT} .sdft-message:has-text('my dog: '):has-text('255 bytes')")


def test_a_project_may_be_deleted_while_images_are_on_their_way(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_concepts")
    page.on("dialog", lambda dialog: dialog.accept())
    with held(page, "**/projects/my%20dog/concepts/1/upload?file=1.png*") as begun:
        page.locator(".sdft-drop input").set_input_files([str(path) for path in sorted(pictures.iterdir())])
        begun()
        page.click("button:text-is('Delete')")
        page.wait_for_selector("text=No project yet: enter a name")
    story.create(page, "my cat")
    story.put(page, "saving", "output.notes", "it works on")
    wait_until(lambda: page.wait_for_timeout(20) or settings_of(quick, "my cat")["output"].get("notes"))


def test_one_press_removes_one_concept(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_concepts")
    for number in (2, 3):
        page.click("text=Add a concept")
        page.wait_for_selector(f"text=Remove concept {number}")
    for number in (1, 2, 3):
        story.put(page, "concepts", f"concepts.{number}.class_prompt", f"class {number}")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.dblclick("text=Remove concept 1")
    page.wait_for_selector("text=Remove concept 3", state="detached")
    page.wait_for_timeout(300)
    left = [each["class_prompt"] for each in settings_of(quick, "my dog")["concepts"]]
    assert left[-1] == "class 3"
    assert len(left) + len(asked) == 3, "each is asked about"


def test_captions_that_wait_are_told_when_their_folder_is_left(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_concepts")
    page.route("**/concepts/1/captions", lambda route: route.abort("connectionrefused"))
    page.locator(".sdft-tile-caption").first.click()
    page.keyboard.type("a star in the snow")
    page.keyboard.press("Control+Enter")
    page.locator(".sdft-tile:has-text('does not respond')").wait_for()
    page.unroute("**/concepts/1/captions")
    other = tmp_path / "others"
    pictures.rename(other)
    story.put(page, "concepts", "concepts.1.folder", str(other))
    page.wait_for_selector("text=Not saved before the folder was changed: 1 caption.")
    page.wait_for_timeout(3500)  # then it is sent once more
    assert list(other.glob("*.txt")) == []


def test_a_preset_that_is_pressed_twice_can_be_taken_back(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    before = settings_of(quick, "my dog")
    page.click("#sd_finetune_tab_settings")
    page.select_option("#sd_finetune_preset", "dreambooth-character")
    page.wait_for_selector("#sd_finetune_preset_use:not([disabled])")
    page.dblclick("#sd_finetune_preset_use")
    page.wait_for_selector(".sdft-said:text('Applied Character')")
    assert settings_of(quick, "my dog") != before
    page.click("#sd_finetune_preset_undo")
    page.wait_for_selector(".sdft-said:text-is('Undone.')")
    assert settings_of(quick, "my dog") == before


def test_what_is_typed_while_another_project_is_read_is_kept(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    for name in ("a cat", "my dog"):
        story.create(page, name)
    page.click("#sd_finetune_tab_saving")
    notes = page.locator("#sd_finetune_output_notes")
    notes.evaluate("field => { field.closest('details').open = true; }")
    with held(page, "**/projects/a%20cat", "GET") as begun:
        page.select_option("#sd_finetune_project", "a cat")
        begun()
        notes.fill("typed at the last moment")
    page.wait_for_function("document.querySelector('#sd_finetune_output_notes').value === ''")
    assert settings_of(quick, "my dog")["output"]["notes"] == "typed at the last moment"
    assert settings_of(quick, "a cat")["output"].get("notes", "") == ""
