"""Using results in a WebUI, of which a page without one has only what is touched: the prompt, and the selecting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Server

WEBUI = """
    document.body.insertAdjacentHTML("afterbegin", "<div id='txt2img_prompt'><textarea></textarea></div>");
    window.selectCheckpoint = (title) => { window.selected = title; };
"""


@pytest.fixture
def page(quick: Server, new_page: Callable[..., Any]) -> Any:
    return new_page(quick.address)


PROMPTS = [
    ("", "<lora:dog:1>", "", "<lora:dog:1>"),
    ("a dog", "<lora:dog:1>", "", "a dog <lora:dog:1>"),
    ("a <lora:dog:0.7> dog", "<lora:dog:1>", "", "a <lora:dog:0.7> dog"),
    ("a <lora:dog 2:1>", "<lora:dog:1>", "", "a <lora:dog 2:1> <lora:dog:1>"),
    ("a <hypernet:dog:1>", "<lora:dog:1>", "", "a <hypernet:dog:1> <lora:dog:1>"),
    ("a hotdog, dogs, my-dog", "dog", "", "a hotdog, dogs, my-dog dog"),
    ("a (Dog:1.2)", "dog", "", "a (Dog:1.2)"),
    ("<lora:dog:1> cat", "dog", "", "<lora:dog:1> cat dog"),
    ("a sks star!", "sks star", "", "a sks star!"),
    ("größe", "gr", "", "größe gr"),
    ("a <lora:one:0.8>, red", "<lora:two:1>", "<lora:one:1>", "a , red <lora:two:1>"),
    ("a cat, hotdog dog", "<lora:two:1>", "dog", "a cat, hotdog <lora:two:1>"),
    ("a <lora:one:1> dog", "", "<lora:one:1>", "a dog"),
    ("a  b <lora:one:1>", "<lora:one:1>", "<lora:one:1>", "a  b <lora:one:1>"),
    ("a <lora:x.+:1>", "<lora:xyz:1>", "<lora:x.+:1>", "a <lora:xyz:1>"),
    ("a dog", "<lora:dog:1> zib 7", "", "a dog <lora:dog:1> zib 7"),
    ("a zib 7 <lora:dog:0.5>", "<lora:dog:1> zib 7", "", "a zib 7 <lora:dog:0.5>"),
    ("a <lora:dog:1> zib 7, red", "<lora:two:1>", "<lora:dog:1> zib 7", "a , red <lora:two:1>"),
    ("C++ (and [more]", "C++", "", "C++ (and [more]"),
]


def test_what_is_in_a_prompt_afterwards(page: Any) -> None:
    for prompt, text, before, expected in PROMPTS:
        found = page.evaluate(
            "async (given) => (await import('/sd_finetune/web/prompt.mjs')).withText(...given)", [prompt, text, before]
        )
        assert found == expected, (prompt, text, before)


def make_use(page: Any, **result: str) -> None:
    """Put the buttons of a result on the page, with two checkpoints of which "own" is loaded."""
    page.evaluate(
        """async (result) => {
            const { makeUse } = await import("/sd_finetune/web/use.mjs");
            const said = document.createElement("span");
            said.id = "said";
            const buttons = makeUse(result, said);
            document.querySelector("#uses")?.remove();
            document.body.insertAdjacentHTML("afterbegin", "<div id='uses'></div>");
            document.querySelector("#uses").append(...buttons.elements, said);
            window.listed = (loaded) => buttons.listed(
                { checkpoints: ["own.safetensors [0123456789]", "folder/base.safetensors"].map(
                    (title) => ({ title, loaded: title === loaded, family: title === loaded ? "sd1" : "" })) });
            window.listed("own.safetensors [0123456789]");
        }""",
        {"prompt": "", "checkpoint": "", "base": "", "hint": "", "family": "", **result},
    )


def prompt_of(page: Any) -> str:
    return page.input_value("#txt2img_prompt textarea")


def shown(page: Any) -> list[str]:
    return [each.inner_text() for each in page.locator("#uses button").all() if each.is_visible()]


def test_the_base_of_a_result_is_offered_while_another_one_is_loaded(page: Any) -> None:
    page.evaluate(WEBUI)
    make_use(page, prompt="<lora:dog:1>", base="folder/base.safetensors", hint="Set this.")
    assert shown(page) == ["Load base.safetensors and use", "Use with own.safetensors"]
    page.click("text=Use with own.safetensors")
    assert (prompt_of(page), page.evaluate("window.selected")) == ("<lora:dog:1>", None)
    page.click("text=Load base.safetensors and use")
    page.wait_for_function("window.selected === 'folder/base.safetensors'")
    assert prompt_of(page) == "<lora:dog:1>"
    assert page.inner_text("#said") == "base.safetensors is loading. <lora:dog:1> is in the prompt. Set this."
    page.evaluate("window.listed('folder/base.safetensors')")
    assert shown(page) == ["Use in txt2img"]


def test_a_checkpoint_of_another_family_is_not_offered_to_be_used_with(page: Any) -> None:
    page.evaluate(WEBUI)
    result = {"prompt": "<lora:dog:1>", "base": "folder/base.safetensors"}
    for family, shown_with_another in (("sd1", ["Use with own.safetensors"]), ("sdxl", [])):
        make_use(page, **result, family=family)
        assert shown(page) == ["Load base.safetensors and use", *shown_with_another]
    make_use(page, prompt="<lora:dog:1>", family="sdxl")
    assert shown(page) == []
    make_use(page, checkpoint="own.safetensors", family="sdxl")
    assert shown(page) == ["Use in txt2img"]


def test_a_checkpoint_is_selected_by_the_title_that_it_has_now(page: Any) -> None:
    page.evaluate(WEBUI)
    make_use(page, checkpoint="own.safetensors")
    page.click("#uses >> text=Use in txt2img")
    page.wait_for_function("window.selected === 'own.safetensors [0123456789]'")


@pytest.mark.parametrize("base", ["", "own.safetensors", "own.safetensors [fedcba9876]"])
def test_no_base_is_offered_that_is_loaded_or_unknown(page: Any, base: str) -> None:
    page.evaluate(WEBUI)
    make_use(page, prompt="dog", base=base)
    assert shown(page) == ["Use in txt2img"]


def test_the_next_result_takes_the_place_of_the_last_one(page: Any) -> None:
    page.evaluate(WEBUI)
    page.fill("#txt2img_prompt textarea", "a photo")
    for result, expected in (
        ({"prompt": "<lora:dog-100:1>"}, "a photo <lora:dog-100:1>"),
        ({"prompt": "<lora:dog:1>"}, "a photo <lora:dog:1>"),
        ({"prompt": "sks dog"}, "a photo sks dog"),
        ({"checkpoint": "dog.safetensors"}, "a photo"),
    ):
        make_use(page, **result)
        page.click("#uses >> text=Use in txt2img")
        assert prompt_of(page) == expected
    page.wait_for_function("window.selected === 'dog.safetensors'")
