"""How processes meet that a launcher has started together: the first tells the others which run it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import torch.distributed

from ...errors import UserError
from ...runs.launched import Launch

dist = cast("Any", torch.distributed)  # which has hardly any types

LONGEST_TO_COME = timedelta(minutes=10)
"""From the first of the processes to the last one."""
LONGEST = timedelta(days=30)
"""That the others wait to be called; the launcher ends them where the first one fails."""


def call(launch: Launch, arguments_of: Callable[[int], list[str]]) -> object:
    """Tell the others what the worker's arguments are for each of them.

    What is returned is to be kept until they have come.

    Raises:
        UserError: nothing can listen at the launcher's address.
    """
    store = _store(launch)
    for number in range(1, launch.count):
        store.set(_key(launch, number), json.dumps(arguments_of(number)))
    return store


def called(launch: Launch) -> list[str]:
    """The arguments of the worker for this process, once the first one has told them. Raises UserError as `call`."""
    store = _store(launch)
    store.set_timeout(LONGEST)
    return json.loads(store.get(_key(launch, launch.number)))


def _key(launch: Launch, number: int) -> str:
    return f"sd_finetune/{launch.attempt}/{number}"


def _store(launch: Launch) -> Any:
    place = launch.address, launch.port, None, launch.number == 0 and not launch.is_open, LONGEST_TO_COME, False
    try:
        try:
            return dist.TCPStore(*place, use_libuv=False)  # which torch for Windows lacks
        except TypeError:  # before torch 2.2
            return dist.TCPStore(*place)
    except RuntimeError as error:
        why = str(error).strip().partition("\n")[0]
        raise UserError(
            f"The launched processes cannot meet at {launch.address}:{launch.port} ({why}): launch them at another "
            "port (--main_process_port of accelerate, --master-port of torchrun)."
        ) from error
