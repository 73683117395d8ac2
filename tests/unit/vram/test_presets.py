"""The table of presets: whole, in line with the estimate, and made of settings that are valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.families.presets import Preset
from sd_finetune.families.table import FAMILIES
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.vram.changes import are_valid, with_changes
from sd_finetune.vram.estimate import GIB, needed_bytes
from sd_finetune.vram.fitting import fitting_way, preset_changes
from sd_finetune.vram.page import page
from sd_finetune.vram.presets import SIZES, USABLE, preset_for, table
from tests.unit.vram.asked import asked_for

SAMPLES = {"samples.prompts": ["a dog"]}
TABLES = {name: facts.memory.presets for name, facts in FAMILIES.items()}
FAMILY = pytest.mark.parametrize("family", FAMILIES)
ROWS = [(name, row) for name, presets in TABLES.items() for row in presets.rows]
ROW = pytest.mark.parametrize(
    ("family", "row"), ROWS, ids=[f"{name}-{row.method}-{row.precision}-{row.sizes[0]}" for name, row in ROWS]
)


def asked_of(family: str, method: str) -> Settings:
    """What the family's rows are for."""
    presets = TABLES[family]
    changes = {**SAMPLES, "data.resolution": presets.side}
    return asked_for(method, changes, prior=1 if presets.with_class_images else 0)


@FAMILY
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_each_size_has_one_row(family: str, method: str, precision: str) -> None:
    of_method = [row for row in TABLES[family].rows if (row.method, row.precision) == (method, precision)]
    assert sorted(size for row in of_method for size in row.sizes) == list(SIZES)
    assert [line.size for line in table(method, precision, TABLES[family])] == list(SIZES)
    assert min(row.slower for row in of_method) == 1, "the fastest is what others are compared with"


@ROW
def test_the_expected_peak_is_the_estimate_and_fits(family: str, row: Preset) -> None:
    presets, model = TABLES[family], FAMILIES[family].memory
    if row.instead:
        assert preset_for(row.method, min(row.sizes), row.precision == "bf16", presets) is row
        assert preset_for(row.instead, min(row.sizes), row.precision == "bf16", presets).peak
    if not row.peak:
        return
    asked = asked_of(family, row.method)
    changes = preset_changes(asked, row)
    assert changes
    changed = with_changes(asked, changes)
    assert are_valid(changed)
    assert needed_bytes(changed, model) / GIB == pytest.approx(row.peak, rel=0.1)
    assert needed_bytes(changed, model) <= min(row.sizes) * GIB * USABLE


@FAMILY
@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_fit_to_gpu_takes_the_row_of_the_size(family: str, method: str, size: int, bf16: bool) -> None:
    row = preset_for(method, size, bf16, TABLES[family])
    way = fitting_way(asked_of(family, method), size * GIB, bf16, FAMILIES[family].memory)
    if not row.peak:
        assert way is None
    else:
        assert way
        assert way.preset is row


GOALS = [
    ("lora", {"train.gradient_checkpointing": True}, 7.5),
    ("lora", {"train.gradient_checkpointing": True, "train.frozen_weights": "int8"}, 5.0),
    (
        "dreambooth",
        {"optimizer.name": "adafactor", "train.weights": "bf16", "train.fused_backward": True,
         "train.clip_by": "parameter_norm", "train.gradient_checkpointing": True},
        10.0,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("method", "changes", "most"), GOALS)
def test_the_largest_family_fits_small_gpus(method: str, changes: dict[str, Any], most: float) -> None:
    """In GB, of a step at 1024 pixels; a LoRA of rank 16."""
    largest = max((facts.memory for facts in FAMILIES.values()), key=lambda model: model.unet)
    asked = asked_for(method, {"data.resolution": 1024, "train.mixed_precision": "bf16", "lora.rank": 16, **changes})
    assert needed_bytes(asked, largest) / GIB <= most


def test_without_bf16_no_weights_are_in_bf16_and_gradients_are_kept() -> None:
    for _, row in ROWS:
        if row.precision == "fp16":
            kept = (row.settings["train.weights"], row.settings["train.fused_backward"])
            assert kept == ("fp32", False)


def test_a_smaller_optimizer_stays_and_one_that_finds_its_rate_is_not_replaced() -> None:
    row = preset_for("dreambooth", 12)
    assert "optimizer.name" not in (preset_changes(asked_for("dreambooth", {"optimizer.name": "adafactor"}), row) or {})
    own: dict[str, Any] = {"optimizer.name": "prodigy", "train.unet_learning_rate": 1}
    assert preset_changes(asked_for("dreambooth", own), row) is None
    small = {name for name, facts in OPTIMIZERS.items() if facts.state_bytes > 0.01}
    assert "lion8bit" in small


def test_gradients_that_are_freed_are_not_accumulated() -> None:
    asked = asked_for("dreambooth", {"train.batch_size": 2, "train.gradient_accumulation_steps": 3})
    changes = preset_changes(asked, preset_for("dreambooth", 4)) or {}
    assert changes["train.batch_size"] == 6
    assert changes["train.gradient_accumulation_steps"] == 1
    unclipped = asked_for("dreambooth", {"train.max_grad_norm": 0})
    assert "train.clip_by" not in (preset_changes(unclipped, preset_for("dreambooth", 4)) or {})


def test_samples_are_not_enlarged() -> None:
    small = asked_for("lora", {"data.resolution": 256})
    assert "samples.width" not in (preset_changes(small, preset_for("lora", 4, bf16=False)) or {})


def test_latents_stay_uncached_where_images_are_other_ones_at_each_use() -> None:
    moving = asked_for("lora", {"data.crop": "random", "data.cache_latents": "off"})
    assert "data.cache_latents" not in (preset_changes(moving, preset_for("lora", 8)) or {})
    still = asked_for("lora", {"data.cache_latents": "off"})
    assert (preset_changes(still, preset_for("lora", 8)) or {})["data.cache_latents"] == "ram"


def test_the_page_is_that_of_the_table() -> None:
    """`python -m sd_finetune.vram.page > docs/presets.md` makes it anew."""
    assert (Path(__file__).parents[3] / "docs" / "presets.md").read_text(encoding="utf-8") == page()
