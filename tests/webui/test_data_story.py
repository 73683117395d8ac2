"""A folder that was made for kohya's scripts, from its import in the WebUI's page to an image that the WebUI generates.

Its captions are edited and made, it is trained in buckets and with masks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sd_finetune.data.captioning.command_file import NAME
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.formats.tensor_file import read_tensors
from tests.browser import story
from tests.captioning import ALL, script
from tests.kohya_folder import CAPTIONS, WORDS, make_kohya_folder
from tests.screen import wait_until
from tests.webui.page import PROMPT, draw, open_tab, picture
from tests.webui.webui import WebUI

PROJECT = "kohya story"
STEPS = 60
LATENTS = {"resolution": "64", "bucket_step": "8"}


def settings_of(webui: WebUI) -> Any:
    return webui.get("/sd_finetune/projects/kohya%20story")["settings"]


def first_loss(webui: WebUI, run: str) -> float:
    """Of the instance images in the first step, before anything is learned."""
    events = webui.data / "sd_finetune" / "models" / PROJECT / "runs" / run / "events.jsonl"
    steps = (json.loads(line) for line in events.read_text().splitlines())
    return next(float(event["instance_loss"]) for event in steps if event["kind"] == "step")


def captions(place: Path) -> dict[str, str]:
    return {file.stem: file.read_text().strip() for file in place.glob("*.txt")}


def set_up(page: Any) -> None:
    """Short, at the toy's size, in buckets and with masks."""
    for name, value in LATENTS.items():
        story.put(page, "settings", f"data.{name}", value)
    story.choose(page, "settings", "masks.source", "files")
    story.put(page, "settings", "train.unet_learning_rate", "6e-3")
    story.put(page, "settings", "prior.weight", "0")
    story.set_duration(page, "settings", "schedule.warmup", 0, "steps")
    story.set_duration(page, "settings", "train.length", STEPS, "steps")
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")


def train(page: Any, run: str) -> None:
    story.train(page)
    page.locator(".sdft-output option", has_text=run).first.wait_for(state="attached")
    wait_until(lambda: story.shown_step(page) > 0)
    page.wait_for_selector('.sdft-output[data-state="finished"], .sdft-output[data-state="failed"]')
    assert f"Finished after {STEPS} steps" in page.inner_text(".sdft-state"), story.message(page)


def test_from_a_folder_of_kohya_to_an_image(webui: WebUI, open_page: Callable[..., Any], tmp_path: Path) -> None:
    webui.post("/sdapi/v1/options", {"sd_model_checkpoint": TOY_CHECKPOINT.name})
    folder = make_kohya_folder(tmp_path / "kohya")
    place = folder / "img" / f"10_{WORDS}"
    page = open_page(webui)
    story.create(page, PROJECT)
    story.import_folder(page, folder)
    page.wait_for_function("document.querySelectorAll('.sdft-tile').length === 8")
    picture(page, "data-1-imported")
    (concept,) = settings_of(webui)["concepts"]
    assert (concept["repeats"], concept["folder"], concept["class_folder"]) == (
        10, str(place), str(folder / "reg" / "1_star"),
    )  # fmt: skip

    story.edit_caption(page, "4.png", "sks star, on gray")
    wait_until(lambda: captions(place).get("4") == "sks star, on gray")
    assert captions(place) == {**{str(n): text for n, text in enumerate(CAPTIONS)}, "4": "sks star, on gray"}
    caption_the_rest(webui, page, place, tmp_path)
    picture(page, "data-2-captioned")

    set_up(page)
    picture(page, "data-3-ready")
    train(page, f"{PROJECT}-001")
    picture(page, "data-4-finished")
    use_it(webui, page)

    story.choose(page, "settings", "masks.source", "none")
    train(page, f"{PROJECT}-002")
    with_masks, without = first_loss(webui, f"{PROJECT}-001"), first_loss(webui, f"{PROJECT}-002")
    assert abs(with_masks - without) > 0.01 * without, "the masks change what is learned"


def caption_the_rest(webui: WebUI, page: Any, place: Path, folder: Path) -> None:
    """The WebUI has no models that caption yet, so a program does it."""
    words = json.dumps(script(folder, ALL))
    (webui.data / "sd_finetune" / NAME).write_text(f"[captioner]\ncommand = {words}\n")
    known = {each["name"]: each["missing"] for each in webui.get("/sd_finetune/captioners")}
    assert "press Interrogate CLIP once" in known["blip"]
    assert "press Interrogate DeepBooru once" in known["deepbooru"]
    page.click("#sd_finetune_tab_concepts")
    story.caption_all(page, "command")
    wait_until(lambda: story.said_of_captions(page) == "Captioned 4 of 4 images.")
    assert captions(place)["7"] == "a dog, number 7"
    assert captions(place)["4"] == "sks star, on gray", "those that were there are kept"
    story.tile(page, "7.png").locator(".sdft-tile-caption:text-is('a dog, number 7')").wait_for()


def use_it(webui: WebUI, page: Any) -> None:
    """Into the prompt of txt2img, where it changes what is generated."""
    file = webui.loras / f"{PROJECT}.safetensors"
    metadata = read_tensors(file).metadata
    buckets = json.loads(metadata["ss_bucket_info"])["buckets"].values()
    sizes = {tuple(each["resolution"]): each["count"] for each in buckets}
    assert sum(sizes.values()) == 80, sizes
    assert {width > height for width, height in sizes} == {True, False}, "wide and tall, none cut to a square"
    page.click(".sdft-result >> text=Use in txt2img")
    page.locator("#txt2img_generate").wait_for(state="visible")
    used = f"<lora:{PROJECT}:1>"
    assert used in page.input_value(PROMPT)
    assert f'Lora hashes: "{PROJECT}' in draw(page)
    picture(page, "data-5-drawn")
    plain, taught = (webui.draw(f"a photo of sks star {text}".strip()) for text in ("", used))
    assert np.abs(plain.astype(float) - taught).mean() > 3, "what was learned is seen"
    open_tab(page)
