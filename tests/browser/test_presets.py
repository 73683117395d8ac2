"""Presets in the tab: seen before they are used, taken back, saved, shared, in two windows and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sd_finetune.presets.preset import parse_preset, preset_of, text_of
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]
PRESET, DETAIL = "#sd_finetune_preset", ".sdft-presets .sdft-preset:visible"


def ready(server: Server, new_page: NewPage, pictures: Path) -> Any:
    page = new_page(server.address)
    story.ready_to_train(server, page, pictures)
    page.click("#sd_finetune_tab_settings")
    page.wait_for_function("document.querySelector('#sd_finetune_preset').options.length > 5")
    return page


def settings_of(server: Server) -> dict[str, Any]:
    return server.context.project("my dog").settings()


def test_what_changes_is_seen_first_and_can_be_taken_back(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = ready(quick, new_page, pictures)
    before = settings_of(quick)
    assert page.locator(f"{PRESET} optgroup").evaluate_all("all => all.map(each => each.label)") == [
        "LoRA", "DreamBooth", "Textual Inversion", "Hypernetwork",
    ]  # fmt: skip
    page.select_option(PRESET, "dreambooth-character")
    row = page.locator(f'{DETAIL} tr[data-change="train.length"]')
    row.wait_for()
    assert row.locator("th, td").all_inner_texts() == ["Training length", "40 steps", "1,200 steps"]
    method = page.locator(f'{DETAIL} tr[data-change="method"]')
    assert method.locator("td").all_inner_texts() == ["LoRA", "DreamBooth"]
    assert "Expect 1,200 steps" in page.locator(DETAIL).inner_text()
    assert settings_of(quick) == before
    story.put(page, "settings", "train.length", "1200")  # what is edited meanwhile counts
    row.wait_for(state="detached")
    story.put(page, "settings", "train.length", "40")
    row.wait_for()
    height = page.locator(DETAIL).bounding_box()["height"]
    page.focus("#sd_finetune_preset_use")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sdft-said:text('Applied Character')")
    assert page.input_value("#sd_finetune_train_length") == "1200"
    assert page.is_checked("#sd_finetune_train_train_text_encoder")
    assert settings_of(quick)["method"] == "dreambooth"
    assert settings_of(quick)["concepts"] == before["concepts"]
    assert page.evaluate("document.activeElement.id") == "sd_finetune_preset_undo"
    assert row.locator("th, td").all_inner_texts() == ["Training length", "40 steps", "1,200 steps"], "it stays"
    assert page.locator(f"{DETAIL} thead th").all_inner_texts() == ["Setting", "Before", "Now"]
    assert page.locator(DETAIL).bounding_box()["height"] == height, "nothing moves under the pointer"
    page.keyboard.press("Enter")
    page.wait_for_selector(".sdft-said:text-is('Undone.')")
    wait_until(lambda: settings_of(quick).get("method", "lora") == "lora")
    assert page.input_value("#sd_finetune_train_length") == "40"
    assert page.evaluate("document.activeElement.id") == "sd_finetune_preset"


def test_ones_own_is_saved_used_shared_and_deleted_with_two_windows(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = ready(quick, new_page, pictures)
    other = new_page(quick.address)
    other.click("#sd_finetune_tab_settings")
    story.put(page, "settings", "lora.rank", "99")
    page.click("#sd_finetune_preset_save")
    page.keyboard.type("for dogs")
    page.keyboard.press("Tab")
    page.keyboard.type("In the snow")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{PRESET} option:text-is('for dogs (own)')", state="attached")
    other.wait_for_selector(f"{PRESET} option:text-is('for dogs (own)')", state="attached")
    assert page.input_value(PRESET) == "for dogs"
    assert "It changes nothing" in page.locator(DETAIL).inner_text()
    with page.expect_download() as started:
        page.click(f"{DETAIL} >> text=Download")
    text = Path(started.value.path()).read_text(encoding="utf-8")
    assert parse_preset(Path("it.toml"), text).settings["lora.rank"] == 99
    assert started.value.suggested_filename == "for dogs.toml"
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Delete preset")
    other.wait_for_selector(f"{PRESET} option:text-is('for dogs (own)')", state="detached")
    file = tmp_path / "shared.toml"
    file.write_text(text, encoding="utf-8")
    page.set_input_files(".sdft-presets input[type=file]", str(file))
    page.wait_for_selector(".sdft-said:text('Imported for dogs.')")
    assert page.input_value(PRESET) == "for dogs"


def test_a_file_can_be_dropped_and_one_that_is_none_is_refused(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = ready(quick, new_page, pictures)
    drop(page, "theirs.toml", text_of(preset_of("theirs", "lora", {"lora.rank": 5})))
    page.wait_for_selector(".sdft-said:text('Imported theirs.')")
    page.locator(f'{DETAIL} tr[data-change="lora.rank"]').wait_for()
    drop(page, "wrong.toml", "[lora]\nrank = 5\n")
    page.wait_for_selector(".sdft-said:text('wrong.toml is not a preset')")


def drop(page: Any, name: str, text: str) -> None:
    page.evaluate(
        """([name, text]) => {
            const data = new DataTransfer();
            data.items.add(new File([text], name));
            const place = document.querySelector(".sdft-presets");
            for (const kind of ["dragenter", "dragover", "drop"])
                place.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        [name, text],
    )
