from __future__ import annotations

import re
from pathlib import Path

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.read import plain_value
from sd_finetune.settings.reference import help_text, markdown, option_table
from sd_finetune.settings.values import convert

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


def test_table_names_every_option_once() -> None:
    names = [row.name for row in option_table()]
    assert names == list(all_options())
    assert len(set(names)) == len(names)
    assert {"method", "base.checkpoint", "train.snr_gamma", "lora.rank", "concepts.class_prompt"} <= set(names)


def test_rows_say_default_unit_range_and_help() -> None:
    rows = {row.name: row for row in option_table()}
    assert rows["data.resolution"][1:4] == (
        '"auto"',
        "pixels",
        '"auto" or a whole number from 64 to 2048, a multiple of 8',
    )
    assert rows["data.resolution"].help.startswith("an image is trained at about so many pixels times so many")
    assert rows["train.length"].default == '"100 epochs"'
    assert rows["samples.prompts"].default == "[]"
    assert (rows["prior.weight"].default, rows["prior.weight"].range) == ('"auto"', '"auto" or a number, 0 or more')
    assert rows["data.horizontal_flip"].range == "true or false"
    assert all(row.help and row.range for row in option_table())


def test_defaults_are_in_range() -> None:
    """Each default of an option is one of the values that it takes."""
    for name, member in all_options().items():
        assert member.option is not None
        default = member.option.default
        assert convert(plain_value(default), member) == default, name


def test_help_names_every_option_with_its_default_and_range() -> None:
    text = help_text()
    for row in option_table():
        assert re.search(rf"^  {re.escape(f'{row.name} = {row.default}  (')}.*{re.escape(row.range)}\)$", text, re.M)


def test_reference_page_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown()
