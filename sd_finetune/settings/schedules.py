"""The learning-rate schedules there are, and what each takes. `optimizers/schedules.py` has their formulas."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduleFacts:
    """One schedule, by the name that kohya's scripts and diffusers know it by, where they have it."""

    title: str
    """Its name in the tab."""
    summary: str
    """What sets it apart, for the help of `schedule.name`."""
    options: tuple[str, ...] = ()
    """The options of the group [schedule] that it uses, beside the warmup."""
    rises: bool = False
    """It begins with a rise of its own, so that there is no warmup before it."""
    kohya_name_with_warmup: str = ""
    kohya_name_with_end: str = ""
    """What kohya's scripts call it with a warmup, and with a floor, where that is not the name of the row."""


SCHEDULES = {
    "constant": ScheduleFacts(
        "Constant", "the learning rate stays as it is", kohya_name_with_warmup="constant_with_warmup"
    ),
    "linear": ScheduleFacts("Linear", "falls evenly", ("end",)),
    "cosine": ScheduleFacts(
        "Cosine", "falls on half a cosine wave, slowly at first and at the end", ("end",),
        kohya_name_with_end="cosine_with_min_lr",
    ),
    "cosine_with_restarts": ScheduleFacts(
        "Cosine with restarts", "cosine several times over, each time from the full learning rate", ("end", "cycles")
    ),
    "polynomial": ScheduleFacts("Polynomial", "falls fast at first and slowly at the end", ("end", "power")),
    "one_cycle": ScheduleFacts(
        "One-cycle", "rises from a small learning rate to the full one and falls again", ("end", "start", "rise"),
        rises=True,
    ),
    "rex": ScheduleFacts("REX", "falls slowly at first and fast at the end", ("end",)),
    "warmup_stable_decay": ScheduleFacts(
        "Warmup-stable-decay", "stays as it is and falls in the last part of the run", ("end", "decay")
    ),
}  # fmt: skip


def schedule_help() -> str:
    """What each choice is, for the help of `schedule.name`."""
    return "; ".join(
        ["learning-rate schedule after warmup", *(f"{name} = {facts.summary}" for name, facts in SCHEDULES.items())]
    )


def used_by(option: str) -> str:
    """The schedules that use an option of the group [schedule], for its help."""
    users = schedules_with(option)
    others = [name for name in SCHEDULES if name not in users]
    return ", ".join(users) if len(users) <= len(others) else f"all but {', '.join(others)}"


def schedules_with(option: str) -> tuple[str, ...]:
    """The schedules that use an option of the group [schedule]."""
    return tuple(name for name, facts in SCHEDULES.items() if option in facts.options)
