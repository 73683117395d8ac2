"""Which checkpoint a project starts from, and images that are dropped by mistake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.hosts.host import BaseCheckpoint
from sd_finetune.hosts.standalone import Standalone
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]
SOURCE = "#sd_finetune_source"


class Loaded:
    """Stands in for a host that has a checkpoint loaded: the one of the name `loaded`."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.paths = [folder / f"{name}.safetensors" for name in names]
        self.loaded = names[0]
        for path in self.paths:
            shutil.copy(TOY_CHECKPOINT, path)

    def checkpoints(self) -> list[BaseCheckpoint]:
        return [BaseCheckpoint(path.name, path, path.stem == self.loaded) for path in self.paths]


def base_of(server: Server, name: str) -> str:
    return Path(server.context.project(name).settings()["base"]["checkpoint"]).stem


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    made = Loaded(tmp_path, "first", "second", "third")
    monkeypatch.setattr(Standalone, "checkpoints", lambda self: made.checkpoints())
    return made


def test_the_loaded_checkpoint_is_the_one_that_is_loaded_when_the_button_is_pressed(
    host: Loaded, quick: Server, new_page: NewPage
) -> None:
    page = new_page(quick.address)
    chosen = page.locator(f"{SOURCE} option:checked")
    assert chosen.inner_text() == "The loaded checkpoint: first.safetensors"
    page.fill("#sd_finetune_name", "my dog")
    host.loaded = "second"
    chosen.filter(has_text="The loaded checkpoint: second.safetensors").wait_for(state="attached")
    page.click("#sd_finetune_create")
    page.wait_for_selector("#sd_finetune_tab_concepts[aria-selected=true]")
    assert base_of(quick, "my dog") == "second"
    page.click("#sd_finetune_tab_create")
    page.select_option(SOURCE, "third.safetensors")
    host.loaded = "first"
    page.wait_for_selector(f"{SOURCE} option:has-text('The loaded checkpoint: first')", state="attached")
    assert chosen.inner_text() == "third.safetensors", "what was chosen by name stays"
    story.create(page, "my cat")
    assert base_of(quick, "my cat") == "third"


def test_the_base_of_a_project_is_changed_afterwards(host: Loaded, quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    host.paths[0].unlink()
    page.reload()
    page.click("button:has-text('Settings → Base checkpoint')")
    page.wait_for_function("document.activeElement.id === 'sd_finetune_change_base'")
    page.keyboard.press("Enter")
    page.select_option("#sd_finetune_base", "third.safetensors")
    page.click("text=Use this checkpoint")
    page.wait_for_selector(".sdft-base:has-text('third.safetensors')")
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")
    assert base_of(quick, "my dog") == "third"


def test_what_cannot_be_trained_from_is_told_before_anything_else_is_entered(
    host: Loaded, quick: Server, new_page: NewPage
) -> None:
    page = new_page(quick.address)
    page.fill("#sd_finetune_source_path", "/nowhere/at all.safetensors")
    page.wait_for_selector("#sd_finetune_source_fault:has-text('is not a checkpoint')")
    assert page.is_disabled("#sd_finetune_create")
    page.fill("#sd_finetune_source_path", f'"{host.paths[2]}"')
    page.wait_for_function("!document.querySelector('#sd_finetune_create').disabled")
    story.create(page, "my dog")
    assert base_of(quick, "my dog") == "third"


def test_dropped_images_are_refused_in_words_that_stay_and_can_be_removed_by_keyboard(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_concepts")
    bad = tmp_path / "broken.png"
    bad.write_bytes(b"no image")
    drop = page.locator(".sdft-drop input")
    drop.set_input_files([str(bad), *(str(path) for path in sorted(pictures.iterdir()))])
    page.wait_for_selector(".sdft-tile img >> nth=2")
    page.wait_for_selector(".sdft-refused:has-text('broken.png')")
    story.put(page, "concepts", "concepts.1.class_prompt", "a dog")
    page.wait_for_timeout(1500)
    assert page.locator(".sdft-refused").is_visible()
    page.click("text=Dismiss")
    assert not page.locator(".sdft-refused").is_visible()
    folder = Path(page.input_value("#sd_finetune_concepts_1_folder"))
    (folder / "0.txt").write_text("a dog")
    page.get_by_label("Remove 0.png").focus()
    page.keyboard.press("Enter")
    wait_until(lambda: sorted(path.name for path in folder.iterdir()) == ["1.png", "2.png"])
    page.wait_for_function("document.activeElement.getAttribute('data-name') === '1.png'")
    held: list[Any] = []
    asked = "**/projects/*/concepts/1"  # whose folder it is: told after its images
    page.route(asked, lambda each: held.append(each))
    remove = page.get_by_label("Remove 0.png")
    with page.expect_request(asked):
        story.put(page, "concepts", "concepts.1.folder", str(pictures))
    page.locator('.sdft-tile[data-name="0.png"]').wait_for()
    assert remove.count() == 0, "it may be in a folder of the user's own"
    page.unroute(asked)
    for each in held:
        each.continue_()
    page.wait_for_selector(".sdft-count:has-text('3 images')")
    assert remove.count() == 0, "it is in a folder of the user's own"
