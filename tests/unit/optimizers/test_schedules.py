from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
import transformers
from transformers.optimization import (
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_linear_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
)

from sd_finetune.optimizers.schedules import learning_rate_factor, schedule_called
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.groups.optimizer import Schedule
from sd_finetune.settings.schedules import SCHEDULES
from sd_finetune.ui.projects.conditions import conditions_of

ROOT = 0.5**0.5
OTHER: dict[str, Any] = {"cycles": 3, "power": 0.5, "start": 0.5, "rise": 0.6, "decay": 0.5, "end": 0.25}
"""Another value of every option that only some schedules use."""


def factors(name: str, total: int, warmup: int = 0, **options: Any) -> list[float]:
    return [learning_rate_factor(Schedule(name, **options), step, total, warmup) for step in range(total)]


def applied(make: Callable[[torch.optim.Optimizer], Any], steps: int) -> list[float]:
    """The learning rates that a scheduler of torch sets, of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    found: list[float] = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_constant() -> None:
    assert factors("constant", 4) == [1, 1, 1, 1]


def test_warm_up_never_starts_at_nothing_and_reaches_all() -> None:
    assert factors("constant", 5, 3) == [0.25, 0.5, 0.75, 1, 1]


def test_cosine_starts_at_all_and_would_end_at_nothing() -> None:
    assert factors("cosine", 4) == pytest.approx([1, (1 + ROOT) / 2, 0.5, (1 - ROOT) / 2])
    assert learning_rate_factor(Schedule("cosine"), 4, 4, 0) == pytest.approx(0)


def test_cosine_begins_after_the_warm_up() -> None:
    assert factors("cosine", 4, 2) == pytest.approx([1 / 3, 2 / 3, 1, 0.5])


BY_HAND: list[tuple[str, dict[str, Any], list[float]]] = [
    ("linear", {}, [1, 0.75, 0.5, 0.25]),
    ("linear", {"end": 0.2}, [1, 0.8, 0.6, 0.4]),
    ("cosine", {"end": 0.5}, [1, (3 + ROOT) / 4, 0.75, (3 - ROOT) / 4]),
    ("cosine_with_restarts", {"cycles": 2}, [1, 0.5, 1, 0.5]),
    ("cosine_with_restarts", {"cycles": 2, "end": 0.5}, [1, 0.75, 1, 0.75]),
    ("polynomial", {"power": 2.0}, [1, 0.5625, 0.25, 0.0625]),
    ("polynomial", {"power": 0.5, "end": 0.5}, [1, (1 + 0.75**0.5) / 2, (1 + ROOT) / 2, 0.75]),
    ("one_cycle", {"rise": 0.5, "start": 0.2, "end": 0.1}, [0.2, 0.6, 1, 0.55]),
    ("one_cycle", {"rise": 0.0}, [1, (1 + ROOT) / 2, 0.5, (1 - ROOT) / 2]),
    ("rex", {}, [1, 0.75 / 0.875, 0.5 / 0.75, 0.25 / 0.625]),
    ("rex", {"end": 0.5}, [1, 0.5 + 0.375 / 0.875, 0.5 + 0.25 / 0.75, 0.5 + 0.125 / 0.625]),
    ("warmup_stable_decay", {"decay": 0.5}, [1, 1, 1, 0.5]),
    ("warmup_stable_decay", {"decay": 0.5, "end": 0.2}, [1, 1, 1, 0.6]),
]


@pytest.mark.parametrize(("name", "options", "by_hand"), BY_HAND)
def test_four_steps_by_hand(name: str, options: dict[str, Any], by_hand: list[float]) -> None:
    assert factors(name, 4, **options) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("name", "ours", "make", "theirs"),
    [
        ("linear", {}, get_linear_schedule_with_warmup, {}),
        ("cosine", {}, get_cosine_schedule_with_warmup, {}),
        (
            "cosine_with_restarts",
            {"cycles": 3},
            get_cosine_with_hard_restarts_schedule_with_warmup,
            {"num_cycles": 3},
        ),
        (
            "polynomial",
            {"power": 1.7, "end": 0.1},
            get_polynomial_decay_schedule_with_warmup,
            {"power": 1.7, "lr_end": 0.1},
        ),
    ],
)
def test_after_the_warmup_they_are_those_of_transformers(
    name: str, ours: dict[str, Any], make: Callable[..., Any], theirs: dict[str, Any]
) -> None:
    """Which has the warmup begin at 0, so that its first step learns nothing."""
    found = applied(lambda optimizer: make(optimizer, 5, 24, **theirs), 24)
    assert factors(name, 24, 5, **ours)[5:] == pytest.approx(found[5:])


def test_warmup_stable_decay_is_that_of_transformers() -> None:
    if not hasattr(transformers, "get_wsd_schedule"):
        pytest.skip("this version of transformers does not have it")
    found = applied(lambda optimizer: transformers.get_wsd_schedule(optimizer, 4, 5, num_decay_steps=15), 24)
    assert factors("warmup_stable_decay", 24, 4, decay=0.75)[4:] == pytest.approx(found[4:])


def test_a_floor_is_that_of_torch() -> None:
    found = applied(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.1), 20)
    assert factors("cosine", 20, end=0.1) == pytest.approx(found)


def test_one_cycle_is_that_of_torch() -> None:
    """Which counts its phases from the last step: of 21 steps the rise has 0.3 * 21 - 1, and the last is the end."""

    def make(optimizer: torch.optim.Optimizer) -> Any:
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, 21, div_factor=25, final_div_factor=2)

    ours = factors("one_cycle", 20, start=1 / 25, end=1 / 50, rise=5.3 / 20)
    assert ours == pytest.approx(applied(make, 20))


def test_rex_is_that_of_pytorch_optimizer() -> None:
    theirs = pytest.importorskip("pytorch_optimizer").REXScheduler
    scheduler = theirs(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), total_steps=20, max_lr=1.0, min_lr=0.1
    )
    found: list[float] = []
    for scheduler.step_t in range(20):
        found.append(scheduler.get_linear_lr())
    assert factors("rex", 20, end=0.1) == pytest.approx(found)


@pytest.mark.parametrize("cycles", [7, 49, 98])
def test_every_cycle_begins_with_the_full_learning_rate(cycles: int) -> None:
    """Also where the step of its start is not exact as a share of the run."""
    found = factors("cosine_with_restarts", 2 * cycles, cycles=cycles)
    assert found == pytest.approx([1, 0.5] * cycles)


def test_the_tables_and_what_the_settings_offer_agree() -> None:
    option = all_options()["schedule.name"].option
    assert option is not None
    assert option.choices == tuple(SCHEDULES) == tuple(option.titles)
    assert [schedule_called(name).__name__ for name in SCHEDULES] == list(SCHEDULES)
    assert {row[0] for row in BY_HAND} | {"constant"} == set(SCHEDULES), "each is tested by hand"
    assert {name for facts in SCHEDULES.values() for name in facts.options} == set(OTHER)
    assert {field.name for field in fields(Schedule)} == {"name", "warmup", *OTHER}


@pytest.mark.parametrize("option", OTHER)
def test_an_option_counts_for_the_schedules_that_name_it_and_is_shown_for_them_alone(option: str) -> None:
    def changes(name: str) -> bool:
        asked = Schedule(name)
        given = replace(asked, **{option: OTHER[option]})
        return any(learning_rate_factor(asked, k, 20, 0) != learning_rate_factor(given, k, 20, 0) for k in range(20))

    (condition,) = conditions_of(f"schedule.{option}")
    assert condition.name == "schedule.name"
    assert condition.values == tuple(name for name in SCHEDULES if changes(name)) != ()


def test_no_two_schedules_are_the_same_by_default() -> None:
    assert len({tuple(factors(name, 20)) for name in SCHEDULES}) == len(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_corners(name: str) -> None:
    first = Schedule().start if SCHEDULES[name].rises else 1
    assert factors(name, 1) == [first]
    assert factors(name, 2, 2) == pytest.approx([1 / 3, 2 / 3])
    assert factors(name, 2, 9) == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_step_is_outside_of_what_is_asked_for(name: str) -> None:
    """With every option at its least and at its most."""
    options = {each: all_options()[f"schedule.{each}"].option for each in SCHEDULES[name].options}
    for bound in ("minimum", "maximum"):
        given = {each: getattr(facts, bound) for each, facts in options.items()}
        found = factors(name, 50, 3, **given)
        assert all(0 <= factor <= 1 for factor in found)
