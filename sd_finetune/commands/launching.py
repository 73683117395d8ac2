"""Commands that a launcher such as `accelerate launch` starts several times at once."""

from __future__ import annotations

from typing import Any, cast

from ..runs.launched import Launch, another_number, take_launch
from ..settings.catalogue import all_options
from ..settings.faults import Faults
from ..settings.values import convert

__all__ = ["do_part", "on_launched", "take_launch"]

STARTING = ("train", "resume", "find-rate")
"""The commands that start a run which launched processes do together; any other is done by the first of them alone."""


def do_part(launch: Launch, command: str) -> None:
    """What a process does that is not the first of those launched; it ends with it where there is something to do."""
    if command not in STARTING:
        return
    from ..training.__main__ import end_process, parsed
    from ..training.processes.joining import join_as_launched

    end_process(join_as_launched(launch, parsed))


def on_launched(content: dict[str, Any], launch: Launch | None, faults: Faults) -> dict[str, Any]:
    """Plain settings on as many devices as there are launched processes; adds a fault where they ask for others."""
    train = content.get("train", {})
    if launch is None or not isinstance(train, dict):
        return content
    train = cast("dict[str, Any]", train)
    try:
        devices = convert(train.get("devices", 1), all_options()["train.devices"])
    except ValueError:  # which is told with all that is wrong
        return content
    if devices == 1:  # as it also is where nothing was said
        return {**content, "train": {**train, "devices": launch.count}}
    if devices != launch.count:
        faults.add("train.devices", another_number(devices, launch))
    return content
