"""Colors by chance: within the strengths that are asked for, and nothing else."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from sd_finetune.data.color_jitter import Colors, drawn_colors
from sd_finetune.settings.options import Data

PIXELS = np.random.default_rng(0).integers(40, 200, (24, 32, 3), dtype=np.uint8)
GRAY = np.repeat(PIXELS[..., :1], 3, axis=-1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mean(pixels: np.ndarray) -> float:
    return float(pixels.astype(float).mean())


def test_nothing_is_drawn_where_nothing_is_asked_for() -> None:
    generator = seeded(1)
    assert drawn_colors(Data(), generator) is None
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=seeded(1)))
    assert np.array_equal(Colors().applied(PIXELS), PIXELS)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_each_strength_bounds_its_own(name: str) -> None:
    data = Data(**{f"{name}_jitter": 0.2})
    drawn = [drawn_colors(data, seeded(seed)) for seed in range(300)]
    values = [getattr(colors, name) - (name != "hue") for colors in drawn if colors]
    assert len(values) == 300
    assert -0.2 <= min(values) < -0.19
    assert 0.19 < max(values) <= 0.2
    assert abs(float(np.mean(values))) < 0.03
    others = {other for other in vars(Colors()) if other != name}
    assert {getattr(colors, other) for colors in drawn for other in others} <= {0.0, 1.0}
    assert drawn == [drawn_colors(data, seeded(seed)) for seed in range(300)]


def test_brightness_scales_values() -> None:
    assert mean(Colors(brightness=1.2).applied(PIXELS)) == pytest.approx(1.2 * mean(PIXELS), rel=0.01)
    assert mean(Colors(brightness=0.5).applied(PIXELS)) == pytest.approx(0.5 * mean(PIXELS), rel=0.01)


def test_contrast_widens_around_the_mean() -> None:
    wider = Colors(contrast=1.2).applied(PIXELS)
    assert wider.std() == pytest.approx(1.2 * PIXELS.std(), rel=0.01)
    assert mean(wider) == pytest.approx(mean(PIXELS), abs=1)


def test_saturation_leaves_gray_and_ends_in_gray() -> None:
    assert np.array_equal(Colors(saturation=1.7).applied(GRAY), GRAY)
    none = Colors(saturation=0).applied(PIXELS).astype(int)
    assert np.abs(none - none[..., :1]).max() == 0


@pytest.mark.parametrize("hue", [0.1, 1 / 3, 0.5, -0.25])
def test_the_hue_turns(hue: float) -> None:
    color = np.full((2, 2, 3), (200, 60, 60), np.uint8)
    found = Colors(hue=hue).applied(color)[0, 0] / 255
    expected = colorsys.hsv_to_rgb(hue % 1, 140 / 200, 200 / 255)
    assert found == pytest.approx(expected, abs=0.02)
    assert np.array_equal(Colors(hue=hue).applied(GRAY), GRAY)
