"""What a person does on the page, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.conftest import Server

OUTPUT = ".sdft-output"
PANEL_OF_CONCEPTS = "#sd_finetune_panel_concepts"


def create(page: Any, name: str) -> None:
    page.click("#sd_finetune_tab_create")
    page.fill("#sd_finetune_name", name)
    page.click("#sd_finetune_create")
    page.wait_for_function("name => document.querySelector('#sd_finetune_project').value === name", arg=name)
    page.wait_for_selector("#sd_finetune_tab_create[aria-selected=false]")  # the last thing that it does


def put(page: Any, panel: str, name: str, value: str) -> None:
    """Fill the field of an option, as "train.length"; what is folded is unfolded first."""
    page.click(f"#sd_finetune_tab_{panel}")
    field = page.locator(f'[data-name="{name}"]')
    field.wait_for(state="attached")  # a concept is made anew when its folder or the method changes
    field.evaluate("field => { const fold = field.closest('details'); if (fold) fold.open = true; }")
    entry = field.locator("input[type=text], textarea").first
    entry.fill(value)
    entry.blur()


def set_duration(page: Any, panel: str, name: str, amount: int, unit: str) -> None:
    put(page, panel, name, str(amount))
    page.locator(f'[data-name="{name}"] select').select_option(unit)


def describe_dog(page: Any, pictures: Path) -> None:
    put(page, "concepts", "concepts.1.folder", str(pictures))
    put(page, "concepts", "concepts.1.instance_prompt", "a photo of sks star")
    put(page, "concepts", "concepts.1.class_prompt", "a photo of a star")


def choose_method(page: Any, method: str) -> None:
    page.click("#sd_finetune_tab_settings")
    page.locator(f'input[name=sd_finetune_method][value="{method}"] + span').click()


def train(page: Any) -> None:
    page.click("#sd_finetune_generate")


def wait_for_state(page: Any, state: str) -> None:
    page.wait_for_selector(f'{OUTPUT}[data-state="{state}"]')


def press(page: Any, label: str) -> None:
    page.locator(f'.sdft-commands button:text-is("{label}")').click()


def message(page: Any) -> str:
    """All that is said in words about the run that is looked at."""
    return "\n".join(filter(None, page.locator(f"{OUTPUT} .sdft-message:visible").all_inner_texts()))


def shown_step(page: Any) -> int:
    """The last step that the page knows of; 0 where no run is looked at."""
    numbers = "".join(page.locator(".sdft-numbers:visible").all_inner_texts())
    return int(numbers.split("/")[0].replace(",", "").strip() or 0) if "/" in numbers else 0


def ready_to_train(server: Server, page: Any, pictures: Path, length: int = 40, notes: str = "") -> None:
    """The project "my dog", whose settings were kept earlier; less to wait for than typing them in."""
    create(page, "my dog")
    project = server.context.project("my dog")
    settings = project.settings()
    concept = {"folder": str(pictures), "instance_prompt": "a photo of sks star", "class_prompt": "a photo of a star"}
    settings["concepts"] = [concept]
    settings["train"]["length"], settings["output"]["notes"] = f"{length} steps", notes
    settings["samples"]["prompts"] = ["a photo of sks dog", "a dog"]
    project.write_settings(settings)
    page.reload()
    page.wait_for_selector("#sd_finetune_train_length", state="attached")


def choose(page: Any, panel: str, name: str, value: str) -> None:
    """Choose one of an option's choices."""
    page.click(f"#sd_finetune_tab_{panel}")
    field = page.locator(f'[data-name="{name}"]')
    field.evaluate("field => { const fold = field.closest('details'); if (fold) fold.open = true; }")
    field.locator("select").select_option(value)


def import_folder(page: Any, folder: Path) -> None:
    page.click("#sd_finetune_tab_concepts")
    page.fill("#sd_finetune_import", str(folder))
    page.click("button:text-is('Import folder')")
    page.wait_for_selector(f'{PANEL_OF_CONCEPTS} .sdft-message:has-text("Imported")')


def tile(page: Any, image: str) -> Any:
    """An image of the first concept in the grid."""
    return page.locator(f'{PANEL_OF_CONCEPTS} .sdft-tile[data-name="{image}"]').first


def edit_caption(page: Any, image: str, text: str) -> None:
    """By keyboard, from the tile on."""
    tile(page, image).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    tile(page, image).locator(f".sdft-tile-caption:text-is('{text}')").wait_for()


def caption_all(page: Any, by: str, existing: str = "keep") -> None:
    """Start Caption all of the first concept."""
    fold = page.locator("details:has(> summary:text-is('Caption all'))").first
    fold.evaluate("fold => { fold.open = true; }")
    page.wait_for_function("document.querySelector('#sd_finetune_captions_1_by').options.length > 0")
    page.select_option("#sd_finetune_captions_1_by", by)
    page.select_option("#sd_finetune_captions_1_existing", existing)
    fold.locator("button:text-is('Caption all')").click()


def said_of_captions(page: Any) -> str:
    """What is said beside the button Caption all of the first concept."""
    fold = page.locator("details:has(> summary:text-is('Caption all'))").first
    return fold.locator("> .sdft-row .sdft-message").inner_text()
