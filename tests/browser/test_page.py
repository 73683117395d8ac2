"""The page as a person uses it, with a worker that only pretends and so takes no time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sd_finetune import __version__
from sd_finetune.families.table import DEFAULT_FAMILY, FAMILIES
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.ui.advice.gpu import Gpu
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]


def typed_in(page: Any, pictures: Path) -> None:
    story.create(page, "my dog")
    story.describe_dog(page, pictures)
    story.set_duration(page, "settings", "train.length", 40, "steps")
    story.put(page, "generate", "samples.prompts", "a photo of sks dog\na dog")


def test_a_first_visitor_presses_one_button(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    assert "No project yet" in page.inner_text("#sd_finetune_root")
    assert page.inner_text("#sd_finetune_root footer") == f"SD Fine-Tune {__version__}"
    page.click("#sd_finetune_example")
    story.wait_for_state(page, "finished")
    assert page.locator(".sdft-images img").count() == 3
    assert page.locator(".sdft-result b").inner_text() == "example-1.safetensors"


def test_what_is_wrong_stands_beside_its_field_and_nothing_starts(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.put(page, "settings", "train.batch_size", "many")
    fault = page.locator('[data-name="train.batch_size"] .sdft-fault')
    fault.filter(has_text='Batch size "many" is not valid: use a whole number, 1 or more.').wait_for()
    story.put(page, "concepts", "concepts.1.folder", "/nowhere at all")
    page.locator('[data-name="concepts.1.folder"] .sdft-fault:has-text("not found")').wait_for()
    page.click("#sd_finetune_tab_settings")
    page.locator('[data-name="train.fused_backward"] input').evaluate("input => input.click()")
    contradiction = page.locator('.sdft-fault:has-text("needs all gradients at once")')
    contradiction.first.wait_for()
    names = contradiction.locator("xpath=..").evaluate_all("all => all.map((each) => each.dataset.name)")
    assert sorted(names) == ["train.clip_by", "train.fused_backward"], "a contradiction stands at both"
    for name in ("train.batch_size", *names):
        box = page.locator(f'[data-name="{name}"] :is(input, select)').first
        assert box.get_attribute("aria-invalid") == "true"
        told = page.locator(f"#{box.get_attribute('aria-describedby').split()[-1]}")
        assert told.inner_text(), name
    assert "Fix 3 problems before training" in page.inner_text(".sdft-mend")
    for panel, count in (("concepts", "1"), ("settings", "2"), ("saving", "")):
        assert page.get_attribute(f"#sd_finetune_tab_{panel}", "data-problems") == count, panel
    page.click("#sd_finetune_tab_concepts")
    story.train(page)
    page.wait_for_function("document.activeElement.id === 'sd_finetune_train_batch_size'")
    assert not quick.context.project("my dog").run_names()
    page.locator('[data-name="train.fused_backward"] input').evaluate("input => input.click()")
    story.put(page, "settings", "train.batch_size", "2")
    story.put(page, "concepts", "concepts.1.folder", str(pictures))
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")
    story.train(page)
    story.wait_for_state(page, "finished")


def test_settings_survive_a_reload(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    page.select_option("#sd_finetune_sampler", "euler")
    typed_in(page, pictures)
    story.put(page, "settings", "train.unet_learning_rate", "3e-5")
    assert page.input_value("#sd_finetune_samples_sampler") == "euler"
    wait_until(lambda: quick.context.project("my dog").settings()["train"]["unet_learning_rate"] == 3e-5)
    page.reload()
    page.click("#sd_finetune_tab_settings")
    assert page.input_value("#sd_finetune_train_unet_learning_rate") == "0.00003"
    assert page.input_value("#sd_finetune_train_length") == "40"
    page.click("#sd_finetune_tab_generate")
    assert page.input_value("#sd_finetune_samples_prompts") == "a photo of sks dog\na dog"


def test_what_is_told_before_training_and_kept_after_it(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.locator(".sdft-warning:has-text('Concept 1 has 3 training images')").wait_for()
    assert "about" not in page.inner_text(".sdft-facts")
    story.train(page)
    story.wait_for_state(page, "finished")
    page.locator(".sdft-facts:has-text('40 steps, 1 per epoch, about 16 s')").wait_for()
    with page.expect_download() as download:
        page.click("text=Loss table (CSV)")
    assert Path(download.value.path()).read_text().splitlines()[:2] == ["step,loss", "1,0.75"]
    with page.expect_download() as download:
        page.click("text=Settings (JSON)")
    assert json.loads(Path(download.value.path()).read_text())["output"]["name"] == "my dog"
    story.put(page, "settings", "train.unet_learning_rate", "0.5")
    wait_until(lambda: quick.context.project("my dog").settings()["train"].get("unet_learning_rate") == 0.5)
    page.click("text=Load this run's settings")
    page.wait_for_function("document.querySelector('#sd_finetune_train_unet_learning_rate').value === '0.006'")


def test_settings_are_fitted_to_the_gpu(
    quick: Server, new_page: NewPage, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sd_finetune.ui.server.project_routes.find_gpu", lambda: None)
    full_size = FAMILIES[DEFAULT_FAMILY].memory  # the toy fits everywhere
    monkeypatch.setattr("sd_finetune.ui.advice.fit_to_gpu.memory_of", lambda _: full_size)
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_settings")
    page.click("#sd_finetune_fit")
    page.wait_for_selector("text=PyTorch finds no GPU")
    monkeypatch.setattr(
        "sd_finetune.ui.server.project_routes.find_gpu", lambda: Gpu("GTX 1060", 6_400_000_000, bf16=False)
    )
    story.put(page, "settings", "train.batch_size", "8")
    story.put(page, "settings", "data.resolution", "512")
    page.click("#sd_finetune_fit")
    page.wait_for_selector("text=GTX 1060 has 6.0 GB")
    batch, passes = (
        page.input_value(f"#sd_finetune_train_{name}") for name in ("batch_size", "gradient_accumulation_steps")
    )
    assert int(batch) * int(passes) == 8
    assert int(passes) > 1
    assert page.locator("#sd_finetune_train_gradient_checkpointing").is_checked()
    assert page.input_value("#sd_finetune_train_mixed_precision") == "fp16"


def test_settings_are_fitted_to_a_gpu_that_is_not_there(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_settings")
    page.select_option("#sd_finetune_fit_gpu", label="24 GB")
    page.click("text=Fit to that GPU")
    page.wait_for_selector("text=and a GPU of 24 GB has 24.0 GB")
    page.wait_for_selector("text=Its steps are the fastest of the method.")
    assert page.input_value("#sd_finetune_train_mixed_precision") == "bf16"


def test_several_gpus_are_grayed_out_where_there_is_one(
    quick: Server, new_page: NewPage, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 2):
        monkeypatch.setattr("sd_finetune.ui.projects.form.gpu_count", lambda count=count: count)
        page = new_page(quick.address)
        if count == 1:
            story.ready_to_train(quick, page, pictures)
        page.click("#sd_finetune_tab_settings")
        assert page.locator("#sd_finetune_train_devices").is_disabled() == (count == 1)
        told = page.text_content("#sd_finetune_train_devices_help") or ""
        assert told.endswith("This machine has 1 GPU.") == (count == 1)


def test_optimizers_that_are_not_installed_are_grayed_out_with_what_to_install(
    quick: Server, new_page: NewPage, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = replace(OPTIMIZERS["lion8bit"], package="not_installed")
    monkeypatch.setitem(OPTIMIZERS, "lion8bit", lacking)
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_settings")
    choice = page.locator("#sd_finetune_optimizer_name option[value=lion8bit]")
    assert choice.is_disabled()
    assert choice.text_content() == "Lion 8-bit (needs the package not_installed)"
    assert not page.locator("#sd_finetune_optimizer_name option[value=adafactor]").is_disabled()


def test_pictures_are_dropped_and_captioned_and_concepts_come_and_go(
    quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path
) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_concepts")
    page.locator(".sdft-drop input").set_input_files([str(path) for path in sorted(pictures.iterdir())])
    page.wait_for_selector("text=2 of 64 × 48, trained at 64 × 64: 25 % cropped left and right, upscaled 1.3×")
    page.wait_for_selector(".sdft-tile img >> nth=2")
    folder = Path(page.input_value("#sd_finetune_concepts_1_folder"))
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "1.png", "2.png"]
    page.locator('.sdft-tile[data-name="1.png"] .sdft-tile-caption').click()
    page.get_by_label("Caption of 1.png").fill("a dog in snow")
    page.keyboard.press("Tab")
    wait_until(lambda: (folder / "1.txt").exists())
    page.click("text=Add a concept")
    page.wait_for_selector("legend:text('Concept 2')")
    page.click("text=Remove concept 2")
    page.wait_for_selector("legend:text('Concept 2')", state="detached")
    old = tmp_path / "concepts.json"
    old.write_text(json.dumps([{"instance_data_dir": str(pictures), "instance_prompt": "old dog"}]))
    page.locator("#sd_finetune_panel_concepts .sdft-file input").set_input_files(str(old))
    page.wait_for_selector("#sd_finetune_concepts_2_folder")
    assert page.input_value("#sd_finetune_concepts_2_instance_prompt") == "old dog"
    page.wait_for_selector("text=Imported 1 concept.")


def test_a_folder_of_kohya_is_imported(quick: Server, new_page: NewPage, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "kohya/5_sks dog")
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_concepts")
    page.fill("#sd_finetune_import", str(tmp_path))
    page.keyboard.press("Enter")
    page.wait_for_selector('text=has no folder like "10_sks dog"')
    page.fill("#sd_finetune_import", str(tmp_path / "kohya"))
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Imported 1 concept. There are no regularization images")
    assert page.input_value("#sd_finetune_concepts_1_folder") == str(tmp_path / "kohya/5_sks dog")
    assert page.input_value("#sd_finetune_concepts_1_instance_prompt") == "sks dog"
    page.wait_for_selector("text=3 images")


def test_by_keyboard_only(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)

    def tab_to(element: str) -> None:
        for _ in range(80):
            if page.evaluate("document.activeElement.id") == element:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{element} cannot be reached by Tab")

    tab_to("sd_finetune_name")
    page.keyboard.type("my dog")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sd_finetune_tab_concepts[aria-selected=true]")
    tab_to("sd_finetune_concepts_1_folder")
    page.keyboard.type(str(pictures))
    tab_to("sd_finetune_concepts_1_class_prompt")
    page.keyboard.type("a dog")
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")
    tab_to("sd_finetune_tab_concepts")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#sd_finetune_panel_settings:not([hidden])")
    tab_to("sd_finetune_train_length")
    page.keyboard.press("Control+A")
    page.keyboard.type("15")
    tab_to("sd_finetune_generate")
    page.keyboard.press("Enter")
    story.wait_for_state(page, "finished")


def test_only_what_applies_to_the_method_is_shown(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_settings")
    assert page.locator('[data-name="lora.rank"]').count() == 1
    story.choose_method(page, "dreambooth")
    assert page.locator('[data-name="lora.rank"]').count() == 0
    assert page.locator('[data-name="train.unet_learning_rate"]').count() == 1
    story.choose_method(page, "textual_inversion")
    assert page.locator('[data-name="train.unet_learning_rate"]').count() == 0
    story.choose_method(page, "dreambooth")
    assert page.evaluate("document.activeElement.value") == "dreambooth"


def test_a_rate_is_that_of_its_method(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_settings")
    rate = page.locator("#sd_finetune_train_unet_learning_rate")
    assert float(rate.input_value()) == 6e-3, "the toy's for a LoRA"
    story.choose_method(page, "dreambooth")
    assert float(rate.input_value()) == 7e-4
    rate.fill("2e-3")
    page.locator("#sd_finetune_train_train_text_encoder").uncheck()
    story.choose_method(page, "textual_inversion")
    assert page.locator("[data-name^=train] .sdft-fault:not(:empty)").count() == 0
    story.choose_method(page, "lora")
    assert float(rate.input_value()) == 6e-3
    story.choose_method(page, "dreambooth")
    assert float(rate.input_value()) == 2e-3, "what was typed for it"
    assert not page.locator("#sd_finetune_train_train_text_encoder").is_checked()


def test_the_toy_s_hypernetwork_is_trained_longer(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_settings")
    length = page.locator("#sd_finetune_train_length")
    story.set_duration(page, "settings", "train.length", 40, "steps")
    story.choose_method(page, "hypernetwork")
    assert length.input_value() == "1600"
    assert page.input_value("#sd_finetune_hypernetwork_layer_structure") == "1, 4, 1"
    story.choose_method(page, "lora")
    assert length.input_value() == "40", "what was typed for it"
    story.choose_method(page, "hypernetwork")
    assert page.input_value("#sd_finetune_hypernetwork_layer_structure") == "1, 4, 1"


def test_dark_and_narrow_nothing_hangs_over(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(f"{quick.address}?__theme=dark", viewport={"width": 800, "height": 1000})
    story.ready_to_train(quick, page, pictures)
    story.train(page)
    story.wait_for_state(page, "finished")
    for panel in ("create", "settings", "concepts", "saving", "generate"):
        page.click(f"#sd_finetune_tab_{panel}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
    luminance = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(luminance) < 60
