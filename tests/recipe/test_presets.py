"""Each preset that comes with SD Fine-Tune trains the toy, with a loss in the range that it tells."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from benchmarks.presets import STEPS, expected_of, short_run, write
from sd_finetune.presets.preset import Preset, read_preset
from sd_finetune.presets.shelf import Kept, our_presets


@pytest.mark.parametrize("kept", our_presets(), ids=lambda kept: kept.key)
def test_it_trains_the_toy(kept: Kept, tmp_path: Path) -> None:
    assert kept.preset is not None
    losses, _ = short_run(kept.preset, tmp_path, seed=100)
    assert len(losses) == STEPS
    assert kept.preset.expected.toy_loss is not None
    least, most = kept.preset.expected.toy_loss
    assert least <= mean(losses) <= most


def test_what_is_expected_is_measured_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Preset] = []

    def pretended(preset: Preset, folder: Path, seed: int) -> tuple[list[float], list[float]]:
        runs.append(preset)
        return [0.1, 0.3], [2.0] * 3 if preset.name == "Style" else [1.0] * 3

    monkeypatch.setattr("benchmarks.presets.short_run", pretended)
    by_key = {kept.key: kept for kept in our_presets()}
    style, usual = by_key["lora-style"], by_key["lora-subject"]
    assert style.preset
    assert usual.preset
    expected = expected_of(style.preset, usual.preset)
    assert (expected.steps, expected.time, expected.toy_loss) == (3000, 4.0, (0.16, 0.24))
    file = tmp_path / style.path.name
    file.write_text(style.path.read_text(encoding="utf-8"), encoding="utf-8")
    write(file, expected)
    write(file, expected)
    assert read_preset(file).expected == expected
    assert read_preset(file).settings == style.preset.settings
    assert file.read_text(encoding="utf-8").startswith("# ")
