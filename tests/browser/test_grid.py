"""The grid of a concept's images: captions edited in place and many at once, exclusion, filter, all by keyboard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sd_finetune.ui.projects.check import check
from tests.browser import story
from tests.browser.conftest import Server, start_server
from tests.screen import wait_until

NewPage = Callable[..., Any]

MANY = 2000
MOST_TILES = 60
"""That may be on the page at once."""
MOST_MILLISECONDS = 100
"""Of the median frame while the grid scrolls; 17 where nothing else goes on, but tests share a machine."""

SCROLL = """frames => new Promise((done) => {
  const grid = document.querySelector(".sdft-grid");
  const times = [];
  let tiles = 0;
  let last = performance.now();
  const frame = (now) => {
    times.push(now - last);
    last = now;
    tiles = Math.max(tiles, grid.querySelectorAll(".sdft-tile").length);
    grid.scrollTop += (grid.scrollHeight - grid.clientHeight) / frames + 1;
    if (times.length < frames) requestAnimationFrame(frame);
    else done({ median: times.sort((a, b) => a - b)[frames >> 1], tiles, end: grid.scrollTop });
  };
  requestAnimationFrame(frame);
})"""


def caption_of(folder: Path, name: str) -> str:
    file = folder / f"{Path(name).stem}.txt"
    return file.read_text(encoding="utf-8").removesuffix("\n") if file.exists() else ""


def captioned(folder: Path, **captions: str) -> None:
    for name, caption in captions.items():
        (folder / f"{name.strip('_')}.txt").write_text(caption, encoding="utf-8")


def open_grid(server: Server, page: Any, pictures: Path) -> None:
    story.ready_to_train(server, page, pictures)
    page.click("#sd_finetune_tab_concepts")
    page.wait_for_selector(".sdft-tile")


def trained(server: Server) -> int:
    """How many images of the project's concept are."""
    return check(server.context.project("my dog").settings()).images[0]


def tile(page: Any, name: str) -> Any:
    return page.locator(f'.sdft-tile[data-name="{name}"]')


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.dataset.name ?? document.activeElement.getAttribute('aria-label')")


def shown(page: Any) -> list[str]:
    return page.eval_on_selector_all(".sdft-tile", "tiles => tiles.map((tile) => tile.dataset.name)")


def bulk(page: Any, kind: str, *boxes: str, scope: str = "all") -> None:
    form = page.locator("details:has-text('Edit many captions at once')")
    form.evaluate("details => { details.open = true; }")
    form.locator("select").first.select_option(kind)
    for box, text in zip(form.locator("input:visible").all(), boxes, strict=True):
        box.fill(text)
    form.get_by_label("Of which images").select_option(scope)


def test_captions_are_edited_by_keyboard_alone(quick: Server, new_page: NewPage, pictures: Path) -> None:
    captioned(pictures, _0="a dog", _1="old\ntwo")
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    page.evaluate("window.heard = []; document.addEventListener('keydown', (event) => window.heard.push(event.key))")
    tile(page, "0.png").focus()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.tagName === 'TEXTAREA'")
    page.keyboard.type(" in snow x")
    page.keyboard.press("Control+Enter")
    assert focused(page) == "Caption of 1.png"
    assert page.evaluate("document.activeElement.value") == "old\ntwo", "its lines are kept"
    page.keyboard.type("thrown away")
    page.keyboard.press("Escape")
    assert focused(page) == "1.png"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.type("a <b>third</b> one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("of two lines")
    page.keyboard.press("Enter")
    assert focused(page) == "2.png"
    wait_until(lambda: caption_of(pictures, "2.png") == "a <b>third</b> one\nof two lines")
    assert [caption_of(pictures, f"{number}.png") for number in (0, 1)] == ["a dog in snow x", "old\ntwo"]
    assert tile(page, "2.png").locator("b").count() == 0, "it is shown as the text that it is"
    assert page.evaluate("window.heard").count("Enter") == 0, "the WebUI would generate"
    page.keyboard.press("Home")
    assert focused(page) == "0.png"


def test_images_are_excluded_and_included_without_moving_them(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    wait_until(lambda: trained(quick) == 3)
    tile(page, "0.png").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector("text=3 of 3 images shown, 2 selected.")
    page.keyboard.press("x")
    wait_until(lambda: trained(quick) == 1)
    page.wait_for_selector("text=3 of 3 images shown, 2 selected, 2 excluded.")
    assert page.locator("#sd_finetune_concepts_1_exclude").input_value() == "0.png\n1.png"
    assert quick.context.project("my dog").settings()["concepts"][0]["exclude"] == ["0.png", "1.png"]
    page.get_by_label("Images to show").select_option("trained")
    wait_until(lambda: shown(page) == ["2.png"])
    page.get_by_label("Images to show").select_option("all")
    page.reload()
    tile(page, "1.png").focus()
    page.keyboard.press("Delete")
    wait_until(lambda: trained(quick) == 2)
    assert tile(page, "0.png").locator(".sdft-badges").inner_text() == "excluded"
    story.put(page, "concepts", "concepts.1.exclude", "")
    wait_until(lambda: trained(quick) == 3)
    assert page.locator(".sdft-tile-excluded").count() == 0
    assert len(list(pictures.glob("*.png"))) == 3


def test_a_caption_that_two_windows_edit_is_never_lost(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    for theirs, choice, stands in (("theirs", "Keep mine", "mine"), ("their second", "Take theirs", "their second")):
        tile(page, "0.png").focus()
        page.keyboard.press("Enter")
        page.locator(".sdft-tile-box").fill("mine" if choice == "Keep mine" else "my second")
        captioned(pictures, _0=theirs)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"text=Changed elsewhere: {theirs}")
        assert caption_of(pictures, "0.png") == theirs
        page.click(f"text={choice}")
        wait_until(lambda text=stands: caption_of(pictures, "0.png") == text)
        page.wait_for_selector(f".sdft-tile-caption:has-text('{stands}')")
    assert page.locator(".sdft-tile-conflict").count() == 0


def test_what_is_being_typed_outlasts_a_change_in_another_window(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    other = new_page(quick.address)
    tile(page, "1.png").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("half of ")
    story.put(other, "concepts", "concepts.1.class_prompt", "a star")
    wait_until(lambda: page.input_value("#sd_finetune_concepts_1_class_prompt") == "a star")
    assert focused(page) == "Caption of 1.png"
    page.keyboard.type("a caption")
    page.keyboard.press("Enter")
    wait_until(lambda: caption_of(pictures, "1.png") == "half of a caption")


def test_captions_wait_for_a_server_that_is_away(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    quick.stop()
    page.wait_for_selector("text=Connection to the server lost, trying again.")
    tile(page, "0.png").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("kept")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sdft-tile-unsaved")
    again = start_server(tmp_path, quick.port)
    wait_until(lambda: caption_of(pictures, "0.png") == "kept")
    page.wait_for_selector(".sdft-tile-unsaved", state="detached")
    again.stop()


def test_many_captions_at_once_with_preview_and_undo(quick: Server, new_page: NewPage, pictures: Path) -> None:
    before = {"0.png": "sks dog, snow", "1.png": "snow, sks dog, snowy", "2.png": ""}
    for name, caption in before.items():
        captioned(pictures, **{name.removesuffix(".png"): caption})
    page = new_page(quick.address)
    open_grid(quick, page, pictures)

    def now() -> list[str]:
        return [caption_of(pictures, name) for name in before]

    bulk(page, "regex", "(", "x")
    page.wait_for_selector("text=correct the regular expression")
    assert page.is_disabled("button:text-is('Apply')")
    bulk(page, "regex", r"\bs(now)(y?)\b", "$1$2")
    page.wait_for_selector("text=Changes 2 of 3 captions.")
    page.click("button:text-is('Apply')")
    page.wait_for_selector("text=Done: replace")
    assert now() == ["sks dog, now", "now, sks dog, nowy", ""]
    bulk(page, "first", "photo")
    page.click("button:text-is('Apply')")
    page.wait_for_selector("text=Done: add “photo” at the beginning (3 captions).")
    assert now() == ["photo, sks dog, now", "photo, now, sks dog, nowy", "photo"]
    captioned(pictures, _0="changed by another program")
    page.reload()
    page.wait_for_selector(".sdft-tile")
    page.get_by_label("Undo: add “photo” at the beginning").click()
    page.wait_for_selector("text=(2 captions). 1 of them were changed since and stay.")
    assert now() == ["changed by another program", "now, sks dog, nowy", ""]
    captioned(pictures, _0="sks dog, now")
    page.reload()
    page.wait_for_selector(".sdft-tile")
    page.click("button:text-is('Undo')")
    page.wait_for_selector("text=Undone: replace")
    assert now() == list(before.values())
    assert not page.is_visible("button:text-is('Undo')")


def test_found_by_tag_by_text_and_without_a_caption(quick: Server, new_page: NewPage, pictures: Path) -> None:
    captioned(pictures, _0="sks dog, snow", _1="sks dog, Snowman")
    page = new_page(quick.address)
    open_grid(quick, page, pictures)
    page.click("summary:text('Tags and how often')")
    page.wait_for_selector(".sdft-tags button")
    assert page.locator(".sdft-tags button").all_inner_texts() == ["sks dog2", "snow1", "Snowman1"]
    page.click(".sdft-tags button:has-text('Snowman')")
    wait_until(lambda: shown(page) == ["1.png"])
    page.click("text=Tag: Snowman ×")
    wait_until(lambda: len(shown(page)) == 3)
    tile(page, "2.png").focus()
    page.keyboard.press("/")
    page.keyboard.type("snow")
    wait_until(lambda: shown(page) == ["0.png", "1.png"])
    bulk(page, "remove", "sks dog", scope="shown")
    page.wait_for_selector("text=Changes 2 of 2 captions.")
    page.get_by_label("Filter by caption or file name").fill("")
    page.get_by_label("Images to show").select_option("none")
    wait_until(lambda: shown(page) == ["2.png"])


def test_what_bulk_edits_make_of_a_caption(quick: Server, new_page: NewPage) -> None:
    cases = [
        ("first", "a dog, snow", "sks", "", ",", "sks, a dog, snow"),
        ("first", "a dog, sks", "sks", "", ",", "a dog, sks"),
        ("first", "", "sks", "", ",", "sks"),
        ("last", "one\ntwo", "sks", "", ",", "one, sks\ntwo, sks"),
        ("last", "one two", "sks", "", " ", "one two sks"),
        ("last", "one; two", "sks", "", ";", "one; two; sks"),
        ("remove", "a dog, snow,  a dog", "a dog", "unused", ",", "snow"),
        ("remove", "a dogs , x", "a dog", "", ",", "a dogs , x"),
        ("tag", "dog, cat, dog", "dog", "cat", ",", "cat"),
        ("tag", "dog, cat", "dog", "", ",", "cat"),
        ("text", "1 (2) $& (2)", "(2)", "$&", ",", "1 $& $& $&"),
        ("regex", "dog 01, dog 2", r"dog (\d+)", "hound $1", ",", "hound 01, hound 2"),
        ("regex", "a-b", r"\-", " ", ",", "a b"),
        ("regex", "子犬 😀", ".$", "", ",", "子犬"),
        ("regex", "a dog", "^.*$", "", ",", ""),
    ]
    page = new_page(quick.address)
    script = """async (cases) => {
      const { edited } = await import("/sd_finetune/web/caption_edits.mjs");
      return cases.map(([kind, caption, what, by, separator]) => edited(caption, { kind, what, by, separator }));
    }"""
    assert page.evaluate(script, [list(case[:-1]) for case in cases]) == [case[-1] for case in cases]


def test_thousands_of_images_scroll_with_few_tiles_on_the_page(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(MANY):
        shutil.copyfile(pictures / f"{number % 3}.png", folder / f"{number:04}.png")
    lines = [{"file_name": f"{number:04}.png", "text": f"dog {number}"} for number in range(MANY)]
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    page = new_page(quick.address)
    open_grid(quick, page, folder)
    page.wait_for_selector("text=2,000 of 2,000 images shown.")
    told = page.evaluate(SCROLL, 200)
    assert told["tiles"] <= MOST_TILES, told
    assert told["median"] <= MOST_MILLISECONDS, told
    wait_until(lambda: shown(page)[-1] == "1999.png")
    tile(page, "1999.png").focus()
    page.keyboard.press("Home")
    assert focused(page) == "0000.png"
    page.wait_for_selector('.sdft-tile[data-name="0000.png"] img[src]')
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type(" of the end")
    page.keyboard.press("Enter")
    wait_until(lambda: caption_of(folder, "1999.png") == "dog 1999 of the end")
