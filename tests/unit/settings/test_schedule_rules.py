"""What a learning-rate schedule does not use is refused in a file, and not shown in the tab."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.read import find_faults
from sd_finetune.settings.schedules import SCHEDULES, schedules_with

OTHER = {
    name: member.option.maximum
    for name, member in all_options().items()
    if name.startswith("schedule.") and member.option is not None and member.option.maximum is not None
}
"""Another value than the default one of every option that only some schedules use."""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_options_of_other_schedules_are_refused(schedule: str, content: dict[str, Any]) -> None:
    options = {name.partition(".")[2]: value for name, value in OTHER.items()}
    faults = find_faults({**content, "schedule": {"name": schedule, **options}})
    assert set(faults) == {f"schedule.{option}" for option in options if option not in SCHEDULES[schedule].options}
    for name, sentence in faults.items():
        users = ", ".join(schedules_with(name.partition(".")[2]))
        assert f'is not for schedule.name "{schedule}", only for {users}: set it to ' in sentence


def test_there_is_one_for_each_option() -> None:
    assert {name.partition(".")[2] for name in OTHER} == {
        option for row in SCHEDULES.values() for option in row.options
    }
