"""The table of presets: whole, in line with the estimate, and made of settings that are valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.vram.changes import are_valid, with_changes
from sd_finetune.vram.estimate import GIB, needed_bytes
from sd_finetune.vram.fitting import fitting_way, preset_changes
from sd_finetune.vram.page import page
from sd_finetune.vram.presets import PRESETS, SIZES, USABLE, Preset, preset_for, table
from tests.unit.vram.asked import asked_for

SAMPLES = {"samples.prompts": ["a dog"]}
ROW = pytest.mark.parametrize("row", PRESETS, ids=lambda row: f"{row.method}-{row.precision}-{row.sizes[0]}")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_each_size_has_one_row(method: str, precision: str) -> None:
    of_method = [row for row in PRESETS if (row.method, row.precision) == (method, precision)]
    assert sorted(size for row in of_method for size in row.sizes) == list(SIZES)
    assert [line.size for line in table(method, precision)] == list(SIZES)
    assert min(row.slower for row in of_method) == 1, "the fastest is what others are compared with"


@ROW
def test_the_expected_peak_is_the_estimate_and_fits(row: Preset) -> None:
    if row.instead:
        assert preset_for(row.method, min(row.sizes), row.precision == "bf16") is row
        assert preset_for(row.instead, min(row.sizes), row.precision == "bf16").peak
        return
    asked = asked_for(row.method, SAMPLES, prior=1)
    changes = preset_changes(asked, row)
    assert changes
    changed = with_changes(asked, changes)
    assert are_valid(changed)
    assert needed_bytes(changed) / GIB == pytest.approx(row.peak, rel=0.1)
    assert needed_bytes(changed) <= min(row.sizes) * GIB * USABLE


@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_fit_to_gpu_takes_the_row_of_the_size(method: str, size: int, bf16: bool) -> None:
    row = preset_for(method, size, bf16)
    way = fitting_way(asked_for(method, SAMPLES, prior=1), size * GIB, bf16)
    if row.instead:
        assert way is None
    else:
        assert way
        assert way.preset is row


def test_without_bf16_no_weights_are_in_bf16_and_gradients_are_kept() -> None:
    for row in PRESETS:
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
