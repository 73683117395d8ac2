"""The curve of a trial of learning rates, and what it suggests."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.rate_plot import svg_of
from sd_finetune.runs.rate_trial import KEPT, has_diverged, smoothed, suggestion
from sd_finetune.settings.rate_trial import main_option, rate_of_step, trial_settings
from sd_finetune.settings.read import from_dict

CONTENT = {
    "base": {"checkpoint": "model.safetensors"},
    "concepts": [{"folder": "images", "instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}],
}


def curve(fall_at: float, rise_at: float) -> list[tuple[float, float]]:
    """A loss that falls by 1 around one learning rate and rises from another one on."""
    rates = [10 ** (-6 + k / 20) for k in range(100)]
    return [(r, 2 - 1 / (1 + (fall_at / r) ** 3) + (r / rise_at) ** 3) for r in rates]


def test_smoothing_by_hand() -> None:
    assert smoothed([1.0, 2.0]) == pytest.approx([1.0, (KEPT * 1 + 2) / (KEPT + 1)])
    assert smoothed([3.0] * 5) == pytest.approx([3.0] * 5)


def test_suggested_is_where_the_loss_falls_most_steeply() -> None:
    """A little above, as smoothing trails behind."""
    assert suggestion(curve(fall_at=1e-4, rise_at=1.0)) == pytest.approx(1e-4, rel=0.6)


def test_but_never_near_to_where_it_rises() -> None:
    """The loss is least near 1e-3, ten times below is less than where it falls."""
    points = curve(fall_at=1e-3, rise_at=3e-3)
    losses = smoothed([loss for _, loss in points])
    least = points[losses.index(min(losses))][0]
    assert suggestion(points) == float(f"{least / 10:.1e}")


@pytest.mark.parametrize("losses", [[1.0], [1.0] * 50, [1.0 + k / 50 for k in range(50)], [1.0, math.nan, math.nan]])
def test_where_nothing_falls_there_is_no_suggestion(losses: list[float]) -> None:
    assert suggestion([(10 ** (-5 + k / 20), loss) for k, loss in enumerate(losses)]) is None


def test_a_loss_that_is_a_multiple_of_the_least_or_no_number_has_diverged() -> None:
    assert [has_diverged(losses) for losses in ([1.0, 0.5, 0.9], [1.0, 0.5, 1.1], [math.nan], [1.0, math.inf])] == [
        False,
        True,
        True,
        True,
    ]


def test_rates_rise_evenly_from_a_hundredth_to_a_thousand_times_the_one_asked_for() -> None:
    settings = from_dict({**CONTENT, "train": {"unet_learning_rate": 1e-4}})
    assert [rate_of_step(settings, step, 6) for step in range(6)] == pytest.approx([10.0**k for k in range(-6, 0)])
    high = from_dict({**CONTENT, "train": {"unet_learning_rate": 0.1}})
    assert rate_of_step(high, 9, 10) == pytest.approx(1)


def test_a_trial_shows_and_keeps_nothing() -> None:
    content = {
        **CONTENT,
        "train": {"unet_learning_rate": "1e-4:10, 1e-5", "train_text_encoder": True},
        "samples": {"prompts": ["a star"]},
        "schedule": {"name": "cosine", "warmup": "5 steps"},
        "ema": {"decay": 0.9},
    }
    trial = trial_settings(from_dict(content), 50)
    assert (str(trial.train.length), trial.samples.prompts, trial.schedule.name) == ("50 steps", (), "constant")
    assert (str(trial.evaluation.every), trial.ema.decay, trial.prior_weight()) == ("1 step", 0, 0)
    assert trial.rates("unet").all() == (1e-4,)
    assert main_option(trial) == "train.unet_learning_rate"


@pytest.mark.parametrize("name", ["prodigy", "adafactor_relative"])
def test_what_chooses_its_learning_rate_has_none_to_find(name: str) -> None:
    with pytest.raises(UserError, match=f'optimizer.name = "{name}" chooses its learning rate itself'):
        trial_settings(from_dict({**CONTENT, "optimizer": {"name": name}}))


def test_the_curve_is_drawn() -> None:
    points = [*curve(1e-4, 1.0), (1.0, math.nan)]
    drawing = ElementTree.fromstring(svg_of(points, 1e-4))
    raw, smooth = (line.attrib["points"].split() for line in drawing.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(raw) == len(smooth) == len(points) - 1
    assert "suggested: 0.0001" in [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert "suggested" not in svg_of(points, None)
