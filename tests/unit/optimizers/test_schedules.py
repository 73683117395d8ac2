from __future__ import annotations

import pytest

from sd_finetune.optimizers.schedules import SCHEDULES, learning_rate_factor
from sd_finetune.settings.catalogue import all_options


def factors(name: str, total: int, warmup: int) -> list[float]:
    return [learning_rate_factor(name, step, total, warmup) for step in range(total)]


def test_constant() -> None:
    assert factors("constant", 4, 0) == [1, 1, 1, 1]


def test_warm_up_never_starts_at_nothing_and_reaches_all() -> None:
    assert factors("constant", 5, 3) == [0.25, 0.5, 0.75, 1, 1]


def test_cosine_starts_at_all_and_would_end_at_nothing() -> None:
    root = 0.5**0.5
    assert factors("cosine", 4, 0) == pytest.approx([1, (1 + root) / 2, 0.5, (1 - root) / 2])
    assert learning_rate_factor("cosine", 4, 4, 0) == pytest.approx(0)


def test_cosine_begins_after_the_warm_up() -> None:
    assert factors("cosine", 4, 2) == pytest.approx([1 / 3, 2 / 3, 1, 0.5])


def test_the_table_has_what_the_settings_offer() -> None:
    option = all_options()["schedule.name"].option
    assert option is not None
    assert option.choices == tuple(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_corners(name: str) -> None:
    assert factors(name, 1, 0) == [1]
    assert factors(name, 2, 2) == pytest.approx([1 / 3, 2 / 3])
    assert factors(name, 2, 9) == pytest.approx([0.1, 0.2])
