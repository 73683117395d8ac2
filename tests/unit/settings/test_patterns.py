"""Which regular expressions are looked for in layers' names."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.presets.preset import parse_preset
from sd_finetune.settings.patterns import pattern_fault

NAME = "unet.down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_out.0"


@pytest.mark.parametrize(
    "text",
    [
        "attn2",
        "attn1|attn2|ff",
        r"^unet\.(down|up)_blocks\.[12]\..*attn2\.to_(k|v)$",
        "down.*attn.*to_k",
        ".*.*(.|..|...|....|.....)(?=8)",
        "(mid|down)_block.*(to_k|to_v).*proj_in?",
        r"(?:\.\d){2}(?!x)(?P<a>b)?",
        "a{2,3}b?c?",
        r"(_blocks\.\d)+",
        r"\.\d{2}\..+attn\d.+(to_k|out)",
    ],
)
def test_usual_ones_are_taken_and_quick(text: str) -> None:
    assert pattern_fault(text) == ""
    started = time.process_time()
    re.search(text, NAME)
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize(
    "text",
    [
        "([a-z0-9_.]+)+X",
        "(([a-z0-9_.])+)+$X",
        "(a|aa)+$",
        "(a?){30}b",
        "((a|ab)*c)*",
        "(?=(x+)*y)z",
        "(.{0,30}){30}",
        ".*.*.*X",
        "a?" * 30 + "a" * 30,
        "(a|aa)" * 30 + "b",
        "(?P<x>a)?(?(x)(b+)+|c)",
        "(?:(?:){20000}){5000}",
        r"(?:x(?:\b){20000}){5000,}",
        "(?:){60000}" * 100,
    ],
)
def test_what_may_be_tried_for_hours_is_not(text: str) -> None:
    assert re.compile(text)
    assert "may be tried for hours" in pattern_fault(text)


def test_what_is_none_is_told() -> None:
    assert pattern_fault("(") == (
        "is not a regular expression (missing ), unterminated subpattern at position 0): correct it"
    )


def test_a_shared_preset_with_one_is_refused_before_it_is_tried() -> None:
    head = '[preset]\nname = "theirs"\nmethod = "lora"\n'
    text = f'{head}\n[lora]\ntargets = "pattern"\npattern = "([a-z0-9_.]+)+X"\n'
    with pytest.raises(UserError, match="may be tried for hours: write it without"):
        parse_preset(Path("theirs.toml"), text)
