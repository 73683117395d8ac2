"""How long a training will take, from an earlier run."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import EventLog, Phase, Step
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.advice.duration_estimate import seconds_for
from tests.screen import Screen


def earlier_run(screen: Screen, speed: float, **changes: Any) -> RunFolder:
    """A run of another model that showed `speed` pictures a second in the end."""
    run = RunFolder.create(screen.context.projects / "cat" / "runs", "cat", from_dict(screen.settings(**changes)))
    for number in (1, 2):
        EventLog(run.events).append(Step(number, 2, 0, 0.1, 0.1, None, {}, speed * number / 2, 0.0, 0))
    EventLog(run.events).append(Phase("saving", 0, 1))
    return run


def seconds(screen: Screen, steps: int = 100, **changes: Any) -> float | None:
    return seconds_for(from_dict(screen.settings(**changes)), steps, screen.context.projects)


def test_without_an_earlier_run_nothing_is_told(screen: Screen) -> None:
    assert seconds(screen) is None
    RunFolder.create(screen.context.projects / "cat" / "runs", "cat", from_dict(screen.settings()))
    assert seconds(screen) is None


def test_pictures_of_all_steps_at_the_pace_of_the_earlier_run(screen: Screen) -> None:
    earlier_run(screen, speed=4.0)
    assert seconds(screen) == 25
    assert seconds(screen, train__batch_size=2) == 50
    concept = {"folder": str(screen.pictures), "instance_prompt": "a", "class_prompt": "b"}
    assert seconds(screen, prior__weight=1, concepts=[concept]) == 50


def test_one_step_that_was_interrupted_says_nothing(screen: Screen) -> None:
    run = earlier_run(screen, speed=4.0)
    for number, speed in enumerate((4.0, 4.0, 0.01), start=3):
        EventLog(run.events).append(Step(number, 5, 0, 0.1, 0.1, None, {}, speed, 0.0, 0))
    assert seconds(screen) == 25


@pytest.mark.parametrize(
    "other",
    [
        {"method": "dreambooth"},
        {"data__resolution": 128},
        {"train__mixed_precision": "bf16"},
        {"train__gradient_checkpointing": True},
        {"optimizer__name": "adafactor"},
        {"train__fused_backward": True, "train__clip_by": "parameter_norm"},
        {"train__capture": "off"},
        {"train__attention": "sliced"},
        {"data__buckets": False},
        {"data__cache_latents": "off"},
        {"captions__shuffle": True},
        {"captions__tokens": 150},
        {"masks__source": "files"},
    ],
)
def test_a_run_of_another_kind_tells_nothing(screen: Screen, other: dict[str, Any]) -> None:
    earlier_run(screen, speed=4.0)
    assert seconds(screen, **other) is None
    earlier_run(screen, speed=2.0, **other)
    assert seconds(screen, **other) == 50
    assert seconds(screen) == 25


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        ({"masks__source": "alpha"}, {"masks__source": "alpha", "masks__prior_weight": 0.5}),
        ({"prior__weight": 1}, {"prior": {"weight": 1, "source": "model"}}),
        ({"prior__weight": 1}, {"prior": {"weight": 1, "source": "both"}}),
    ],
    ids=["outside of masks", "prior", "prior on class images"],
)
def test_predictions_of_the_untrained_model_are_another_kind(
    screen: Screen, plain: dict[str, Any], other: dict[str, Any]
) -> None:
    """They take a forward pass more in each step."""
    concept = {"folder": str(screen.pictures), "instance_prompt": "a", "class_prompt": "b"}
    earlier_run(screen, speed=4.0, concepts=[concept], **plain)
    assert seconds(screen, concepts=[concept], **plain) is not None
    assert seconds(screen, concepts=[concept], **other) is None


def test_what_takes_no_time_is_the_same_kind(screen: Screen) -> None:
    earlier_run(screen, speed=4.0)
    changes: list[dict[str, Any]] = [
        {"masks__prior_weight": 0.5},
        {"prior": {"weight": 0, "source": "model"}},
        {"train__seed": 5},
    ]
    for change in changes:
        assert seconds(screen, **change) == 25
