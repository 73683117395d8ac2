"""Processes that a launcher has started together, one for each device: `accelerate launch`, torchrun, mpirun.

Each is told its place by variables of its environment, whose names are the launchers' own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from ..errors import UserError

_NUMBER = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
_COUNT = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_HERE = ("LOCAL_WORLD_SIZE", "MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")
"""This process's number, how many there are, and how many of them on this machine: each launcher has names of its own,
of which the first that is set counts."""
_OTHERS = (
    *("LOCAL_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_NAME", "ROLE_WORLD_SIZE"),
    *("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"),
)
_PREFIXES = ("TORCHELASTIC_", "ACCELERATE_")
_PORT = 29500
"""Where the processes meet if the launcher names no other port: torch's and accelerate's own."""


@dataclass(frozen=True)
class Launch:
    """This process's place among `count` that were launched together; the one with `number` 0 is the first.

    address, port: where they meet. is_open: whether the launcher listens there, else the first one is to. attempt:
    another one each time that the launcher starts all of them again. variables: what told all this.
    """

    number: int
    count: int
    address: str
    port: int
    is_open: bool
    attempt: str
    variables: Mapping[str, str]


def take_launch(environment: MutableMapping[str, str] = os.environ) -> Launch | None:
    """How this process was launched, None if it is alone. What tells of it is taken out of the environment.

    Else libraries, accelerate among them, and processes that this one starts would go by it.

    Raises:
        UserError: the variables make no sense, or some of the processes are on other machines.
    """
    taken = without_launch(environment)
    variables = {name: value for name, value in environment.items() if name not in taken}
    for name in variables:
        del environment[name]
    count = _whole(variables, _COUNT, 1)
    if count < 2:
        return None
    number, here = _whole(variables, _NUMBER, -1), _whole(variables, _HERE, count)
    if not 0 <= number < count:
        raise UserError(
            f"WORLD_SIZE = {count} in the environment says that {count} processes were launched, and RANK not which of "
            "them this one is: use accelerate launch or torchrun, or start it without a launcher."
        )
    if here != count:
        raise UserError(
            f"{count} processes were launched, {here} of them on this machine: a run trains on the devices of one, so "
            "launch with --num_machines 1 (accelerate) or --nnodes 1 (torchrun)."
        )
    return Launch(
        number,
        count,
        address=variables.get("MASTER_ADDR", "127.0.0.1"),
        port=_whole(variables, ("MASTER_PORT",), _PORT),
        is_open=variables.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        attempt=variables.get("TORCHELASTIC_RESTART_COUNT", "0"),
        variables=variables,
    )


def without_launch(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what launchers tell."""
    names = {*_NUMBER, *_COUNT, *_HERE, *_OTHERS}
    return {name: value for name, value in environment.items() if name not in names and not name.startswith(_PREFIXES)}


def _whole(variables: Mapping[str, str], names: Sequence[str], default: int) -> int:
    """The value of the first of the names that is there."""
    for name in names:
        if name in variables:
            try:
                return int(variables[name])
            except ValueError:
                raise UserError(
                    f"{name} = {variables[name]!r} in the environment is no whole number: start without a launcher, or "
                    "unset it."
                ) from None
    return default


def another_number(devices: int, launch: Launch) -> str:
    """The sentence that refuses a run on so many devices which was launched with another number of processes."""
    return (
        f"train.devices = {devices}, and {launch.count} processes were launched: launch {devices}, set it to "
        f"{launch.count}, or start the run without a launcher, as it starts its processes itself."
    )


def refuse_another_number(devices: int, launch: Launch) -> None:
    """Raise UserError where they are another number."""
    if devices != launch.count:
        raise UserError(another_number(devices, launch))
