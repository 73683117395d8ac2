"""The form as a person fills it in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.schedules import SCHEDULES
from tests.browser import story
from tests.browser.conftest import Server
from tests.screen import wait_until

NewPage = Callable[..., Any]


def stored(server: Server, group: str, option: str) -> Any:
    return server.context.project("my dog").settings().get(group, {}).get(option)


def test_a_new_project_has_no_red_faults_until_a_field_was_left_or_train_pressed(
    quick: Server, new_page: NewPage
) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.wait_for_selector(".sdft-needed:has-text('Training images folder, Class prompt')")
    assert page.locator(".sdft-faulty").count() == 0
    assert page.locator(".sdft-fault:visible, .sdft-fault-link").count() == 0
    page.locator("#sd_finetune_concepts_1_folder").focus()
    page.keyboard.press("Tab")
    page.wait_for_selector('[data-name="concepts.1.folder"].sdft-faulty')
    assert page.locator(".sdft-faulty").count() == 1
    page.locator("#sd_finetune_concepts_1_class_prompt").type("a")
    page.click("#sd_finetune_tab_settings")
    page.locator("#sd_finetune_train_batch_size").fill("")  # not left between the two
    page.locator("#sd_finetune_train_batch_size").type("m")
    wait_until(lambda: stored(quick, "train", "batch_size") == "m")
    assert page.locator('[data-name="train.batch_size"].sdft-faulty').count() == 0, "it is still being typed"
    story.train(page)
    page.wait_for_selector('[data-name="train.batch_size"].sdft-faulty')
    page.wait_for_function("document.activeElement.id === 'sd_finetune_train_batch_size'")


def test_faults_and_warnings_name_label_and_panel_and_lead_there(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("text=Concepts → Concept 1 has 3 training images")
    page.wait_for_function("document.activeElement.id === 'sd_finetune_concepts_1_folder'")
    story.put(page, "settings", "optimizer.beta1", "5")
    page.locator("details:has([data-name='optimizer.beta1']) summary").click()
    page.click("#sd_finetune_tab_saving")
    page.click("button:has-text('Settings → Beta1 5 is out of range')")
    page.wait_for_function("document.activeElement.id === 'sd_finetune_optimizer_beta1'")
    said = page.inner_text("#sd_finetune_root")
    assert [name for name in all_options() if "." in name and name in said] == []


def test_auto_is_written_auto_with_what_it_amounts_to(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    page.click("#sd_finetune_tab_settings")
    alpha = page.locator("#sd_finetune_lora_alpha")
    assert alpha.input_value() == "auto"
    page.wait_for_selector('[data-name="lora.alpha"] .sdft-unit:has-text("= 8")')
    alpha.fill("4")
    wait_until(lambda: stored(quick, "lora", "alpha") == 4)
    assert page.inner_text('[data-name="lora.alpha"] .sdft-unit') == ""
    alpha.fill("")
    alpha.blur()
    assert alpha.input_value() == "auto"
    wait_until(lambda: stored(quick, "lora", "alpha") == "auto")
    for name in ("samples_width", "concepts_1_class_images"):
        assert page.input_value(f"#sd_finetune_{name}") == "auto", name
    page.click("#sd_finetune_tab_concepts")
    page.wait_for_selector('[data-name="concepts.1.class_images"] .sdft-unit:has-text("= 30 images")')


def test_numbers_as_people_type_them(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.put(page, "settings", "train.unet_learning_rate", "0,0001")
    wait_until(lambda: stored(quick, "train", "unet_learning_rate") == 0.0001)
    story.put(page, "settings", "train.unet_learning_rate", "0.005:100, 1e-3:1000")
    wait_until(lambda: stored(quick, "train", "unet_learning_rate") == "0.005:100, 1e-3:1000")
    story.put(page, "settings", "train.length", "1")
    assert page.locator('[data-name="train.length"] select option').first.inner_text() == "step"
    story.put(page, "settings", "train.length", "1,000")
    wait_until(lambda: stored(quick, "train", "length") == "1000 steps")
    slider = page.locator('[data-name="lora.rank"] input[type=range]')
    slider.fill("32")
    assert page.input_value("#sd_finetune_lora_rank") == "32"
    wait_until(lambda: stored(quick, "lora", "rank") == 32)
    page.wait_for_function("document.querySelectorAll('.sdft-faulty').length === 0")


def test_what_is_ignored_is_not_shown_and_the_heart_of_a_method_is(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    story.choose_method(page, "textual_inversion")
    page.wait_for_selector(".sdft-facts:has-text('Textual Inversion')")
    for name in ("word", "initial_text", "vectors", "learning_rate", "template"):
        assert page.locator(f'[data-name="textual_inversion.{name}"]').is_visible(), name
    templates = page.locator('[data-name="textual_inversion.own_templates"]')
    assert not templates.is_visible()
    page.select_option("#sd_finetune_textual_inversion_template", "own")
    assert templates.is_visible()
    page.click("#sd_finetune_tab_concepts")
    assert not page.locator('[data-name="concepts.1.instance_prompt"]').is_visible()
    of_word = page.locator('[data-name="concepts.1.initial_text"]')
    assert not of_word.is_visible()
    page.click("text=Add a concept")
    page.wait_for_selector('[data-name="concepts.2.word"]')
    story.put(page, "concepts", "concepts.1.word", "zab-2")
    of_word.wait_for()
    assert not page.locator('[data-name="concepts.2.initial_text"]').is_visible()
    story.put(page, "settings", "prior.weight", "0")
    page.click("#sd_finetune_tab_concepts")
    assert not page.locator('[data-name="concepts.1.class_prompt"]').is_visible()
    story.choose_method(page, "hypernetwork")
    assert page.locator('[data-name="hypernetwork.layer_structure"]').is_visible()
    story.choose_method(page, "lora")
    assert page.locator('[data-name="lora.rank"]').is_visible()
    page.click("#sd_finetune_tab_concepts")
    assert page.locator('[data-name="concepts.1.instance_prompt"]').is_visible()
    assert not page.locator('[data-name="concepts.1.word"]').is_visible(), "of another method"


def test_samplers_have_the_names_of_the_webui(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    names = page.locator("#sd_finetune_sampler option").all_inner_texts()
    assert {"DDIM", "Euler", "Euler a", "DPM++ 2M Karras"} <= set(names)


@pytest.mark.parametrize("panel", ["settings", "saving", "generate"])
def test_no_two_headings_of_a_panel_are_alike(quick: Server, new_page: NewPage, panel: str) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click(f"#sd_finetune_tab_{panel}")
    headings = page.locator("#sd_finetune_root [role=tabpanel]:visible :is(h4, summary):visible").all_inner_texts()
    assert len(headings) > 1
    assert len(set(headings)) == len(headings)


def test_a_schedule_shows_its_own_options_alone(quick: Server, new_page: NewPage) -> None:
    page = new_page(quick.address)
    story.create(page, "my dog")
    page.click("#sd_finetune_tab_settings")
    page.locator("details:has([data-name='schedule.name']) > summary").click()
    names = sorted({name for facts in SCHEDULES.values() for name in facts.options})
    for schedule, facts in SCHEDULES.items():
        page.select_option("#sd_finetune_schedule_name", label=facts.title)
        wait_until(lambda wanted=schedule: stored(quick, "schedule", "name") == wanted)
        shown = [name for name in names if page.locator(f'[data-name="schedule.{name}"]').is_visible()]
        assert shown == sorted(facts.options), schedule


def test_every_option_has_its_place(quick: Server, new_page: NewPage, pictures: Path) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    found: set[str] = set()
    for method in METHODS:
        story.choose_method(page, method)
        page.wait_for_function("[...document.querySelectorAll('[data-name=\"concepts.1.class_prompt\"]')].length")
        found |= set(page.locator("[data-name]").evaluate_all("all => all.map(each => each.dataset.name)"))
    named = {name.replace("concepts.1.", "concepts.") for name in found}
    assert set(all_options()) - named == {"base.continue_from"}, "which Create Model asks for"


def test_the_vae_and_the_config_of_the_base_are_chosen_below_it(
    quick: Server, new_page: NewPage, pictures: Path
) -> None:
    page = new_page(quick.address)
    story.ready_to_train(quick, page, pictures)
    story.put(page, "settings", "base.vae", str(pictures / "none.safetensors"))
    wait_until(lambda: stored(quick, "base", "vae") == str(pictures / "none.safetensors"))
    page.wait_for_selector('[data-name="base.vae"].sdft-faulty')
    story.put(page, "settings", "base.vae", "")
    page.wait_for_selector('[data-name="base.vae"]:not(.sdft-faulty)', state="attached")
    assert page.locator("[data-name='base.checkpoint']").count() == 1, "it has a place of its own"
