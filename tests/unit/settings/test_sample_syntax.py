"""What the WebUI knows in prompts and samples do not is refused, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.read import find_faults
from sd_finetune.settings.sample_syntax import unknown_in_prompt


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a star <lora:dog:1>", '"<lora:dog:1>", which is not applied here: remove it.'),
        ("<hypernet:a b:0.5>", '"<hypernet:a b:0.5>", which'),
        ("a [red:blue:0.5] star", '"[red:blue:0.5]", which changes from step to step'),
        ("a [star:5]", '"[star:5]", which'),
        ("a [star::.3] moon", '"[star::.3]", which'),
        ("[(a:1.2):b: 10 ]", '"[(a:1.2):b: 10 ]", which'),
        ("a [red|blue] star", '"[red|blue]", which'),
        ("([a|b] c:1.2)", '"[a|b]", which'),
        ("[word:1.2]", '"[word:1.2]", which'),
        ("a star AND a moon", '"AND", which combines prompts'),
    ],
)
def test_it_is_named(prompt: str, named: str) -> None:
    assert unknown_in_prompt(prompt, "remove it").startswith(f"has {named}")


@pytest.mark.parametrize(
    "prompt",
    [
        "a (star:1.2), [moon], (((sun))) BREAK [[sky]]",
        r"\[a|b\] saber \(fate\)",
        "a | b, c : d : 0.5",
        "(a|b) [a:b] [a:b:c:0.5] [a (b|c)]",
        "ANDROID and <3",
        "unbalanced [a|b",
        "",
    ],
)
def test_all_else_is_not(prompt: str) -> None:
    assert unknown_in_prompt(prompt, "remove it") == ""


def test_a_negative_prompt_may_have_and() -> None:
    assert unknown_in_prompt("red AND blue", "", is_negative=True) == ""
    assert unknown_in_prompt("[red|blue]", "", is_negative=True) != ""


def test_settings_with_it_are_refused(content: dict[str, Any]) -> None:
    faults = find_faults({**content, "samples": {"prompts": ["a star", "a [b|c]"], "negative_prompt": "<lora:x:1>"}})
    assert faults["samples.prompts"].startswith('samples.prompts: "a [b|c]" has "[b|c]", which changes')
    assert "what is being trained is in every sample" in faults["samples.negative_prompt"]
