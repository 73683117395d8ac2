"""File names by a pattern."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.result_paths import Moment, result_paths
from sd_finetune.settings.read import from_dict
from sd_finetune.settings.result_name import fields_of, pattern_fault, stem_of, stems_of

FIELDS = {"name": "my dog (2)", "method": "lora", "base": "sd-v1.5", "date": "2026-11-27"}
NAMES = {
    "{name}": ("my dog (2)", "my dog (2)-step000040"),
    "{name}-{step:06d}": ("my dog (2)-000800", "my dog (2)-000040"),
    "{base}.{method}_{name}": ("sd-v1.5.lora_my dog (2)", "sd-v1.5.lora_my dog (2)-step000040"),
    "{date} {name} e{epoch:02}": ("2026-11-27 my dog (2) e20", "2026-11-27 my dog (2) e01-step000040"),
    "{name}{step}": ("my dog (2)800", "my dog (2)40"),
}


@pytest.mark.parametrize("pattern", NAMES)
def test_names_at_the_end_and_on_the_way(pattern: str) -> None:
    assert not pattern_fault(pattern)
    stems = stem_of(pattern, FIELDS, 800, 20, True), stem_of(pattern, FIELDS, 40, 1, False)
    assert stems == NAMES[pattern]
    for fields in (FIELDS, {"name": FIELDS["name"]}):
        assert all(map(stems_of(pattern, fields).fullmatch, stems))
    assert not stems_of(pattern, {**FIELDS, "name": "my dog (3)"}).fullmatch(stems[0])


FAULTS = {
    "{name}-{rank}": r"\{rank\} is none of \{name\}, \{method\}",
    "{name": "each brace needs its other one",
    "name}": "each brace needs its other one",
    "{name}{}": "each brace needs its other one",
    "{name!r}": "each brace needs its other one",
    "{name.__class__}": r"\{name.__class__\} is none of",
    "{name:>9000}": r"\{name:>9000\} is not possible, use \{name\}",
    "{name}{step:999999999d}": r"not possible, use \{step\} or \{step:06d\}",
    "{name}-{step:6d}": r"\{step:6d\} is not possible, use \{step\} or \{step:06d\}",
    "{name}{step:{step}}": "each brace needs its other one",
    "x-{step}": r"it needs \{name\}",
    "": r"it needs \{name\}",
    "{name}:{step}": 'makes "toy:1", which is not valid as a file name: use up to 100',
    "../{name}": "which is not valid as a file name",
    "{name}.": "which is not valid as a file name",
    "{name}" * 60: "which is not valid as a file name",
}


@pytest.mark.parametrize("pattern", FAULTS)
def test_what_is_no_name_is_refused_with_the_rest(pattern: str) -> None:
    content = {"output": {"name": "toy", "name_pattern": pattern}, "train": {"batch_size": 0}, "concepts": []}
    with pytest.raises(UserError, match=FAULTS[pattern]) as caught:
        from_dict(content)
    assert "output.name_pattern = " in str(caught.value)
    assert "train.batch_size" in str(caught.value)


def test_an_embedding_is_called_as_its_word(content: dict[str, Any], tmp_path: Path) -> None:
    """Whatever pattern other methods have, at its end and on the way."""
    whole = {
        **content,
        "method": "textual_inversion",
        "output": {"name": "zib", "name_pattern": "x {name} {step} {rank}"},
    }
    settings, run = from_dict(whole), RunFolder(tmp_path)
    stems = [path.stem for final in (True, False) for path in result_paths(run, settings, Moment(40, 1, final))]
    assert stems == ["zib", "zib-step000040"]
    with pytest.raises(UserError, match="is none of"):
        from_dict({**whole, "method": "lora"})


@pytest.mark.parametrize(
    ("base", "name"),
    [("C:\\models\\a:b?.safetensors", "a_b_"), ("/models/sd-v1.5", "sd-v1.5"), ("x.CKPT", "x")],
)
def test_the_bases_name_is_made_usable(content: dict[str, Any], base: str, name: str) -> None:
    settings = from_dict({**content, "base": {"checkpoint": base}})
    assert fields_of(settings, "toy", "")["base"] == name


def test_a_pattern_of_many_numbers_is_matched_at_once() -> None:
    stems = stems_of("{name}" + "{step}{epoch}" * 6, {"name": "zab"})
    started = time.monotonic()
    assert not stems.fullmatch("zab" + "1" * 60 + "q")
    assert stems.fullmatch("zab" + "1" * 60)
    assert time.monotonic() - started < 1
