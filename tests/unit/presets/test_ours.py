"""The presets that come with SD Fine-Tune: what they tell is what the estimate says, and all is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.families.presets import Preset as VramPreset
from sd_finetune.families.table import FAMILIES
from sd_finetune.presets.expected import estimated_vram
from sd_finetune.presets.page import page
from sd_finetune.presets.parts import MACHINE, part_of
from sd_finetune.presets.preset import Preset, settings_of
from sd_finetune.presets.shelf import OURS, our_presets
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.migrations import VERSION
from sd_finetune.settings.read import plain_value
from sd_finetune.settings.toml import load_toml

EACH = pytest.mark.parametrize("preset", [kept.preset for kept in our_presets()], ids=lambda preset: preset.name)


def test_there_are_some_for_each_method_and_few_in_all() -> None:
    methods = {kept.preset.method for kept in our_presets() if kept.preset}
    assert methods == set(METHODS)
    assert 8 <= len(our_presets()) <= 16
    assert [kept.key for kept in our_presets() if kept.preset and kept.preset.expected.time == 1] == [
        f"{method.replace('_', '-')}-subject" for method in METHODS
    ]


@EACH
def test_it_tells_all_and_its_vram_is_the_estimate(preset: Preset) -> None:
    told, estimated = preset.expected, estimated_vram(settings_of(preset))
    assert preset.subject
    assert preset.description
    assert told.time
    assert told.toy_loss
    assert told.steps == settings_of(preset).train.length.amount
    assert told.vram.keys() == FAMILIES.keys()
    for family, found in told.vram.items():
        assert found == pytest.approx(estimated[family], rel=0.1)


@EACH
def test_it_names_what_differs_from_the_defaults_and_nothing_of_a_machine(preset: Preset) -> None:
    for name, value in preset.settings.items():
        option = all_options()[name].option
        assert option is not None
        assert part_of(name) in ("training", "images"), name
        assert value != plain_value(option.default), name


def test_what_fits_a_gpu_is_apart() -> None:
    rows: list[VramPreset] = [row for facts in FAMILIES.values() for row in facts.memory.presets.rows]
    asked = {name for row in rows for name in row.settings}
    assert {name for name in asked if part_of(name) != "around"} == {"optimizer.name"}
    assert all_options().keys() >= MACHINE


def test_their_files_say_of_which_version_they_are() -> None:
    """So that their settings are moved up when an option is renamed."""
    for file in OURS.glob("*.toml"):
        assert 4 <= load_toml(file)["preset"]["version"] <= VERSION, file.name


def test_the_page_is_generated() -> None:
    """`python -m sd_finetune.presets.page > docs/training-presets.md` makes it anew."""
    assert (Path(__file__).parents[3] / "docs" / "training-presets.md").read_text(encoding="utf-8") == page()
