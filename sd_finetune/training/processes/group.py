"""The processes of a run as a group of torch.distributed: NCCL sums gradients on GPUs, gloo does all the rest.

torch for Windows has no NCCL: there gloo sums gradients too. The processes find each other by a file in a folder of
this machine, so that no port is opened to the network and none can be taken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn

from ...diffusion.loss import LossParts
from ...runs.meeting import Meeting
from ..orders import ProcessLost
from ..portions import portions
from .processes import StepToDo, share_of

T = TypeVar("T")
R = TypeVar("R")

dist = cast("Any", torch.distributed)  # which has hardly any types

LONGEST = timedelta(days=30)
"""That one waits for another, as while samples are drawn or a run pauses; who dies is noticed by its end."""
MOST_VALUES = 2**24
"""Of gradients that are summed at once, in fp32: 64 MB."""
AT_A_TIME = 4
"""Items of which each process sends what it computed."""
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
"""The network inside the machine, by system; elsewhere gloo takes the one of the machine's name."""

NO_NCCL_ERRORS = {"TORCH_NCCL_ASYNC_ERROR_HANDLING": "0", "NCCL_ASYNC_ERROR_HANDLING": "0"}
"""torch's own watch over NCCL, under its names since and before torch 2.2, is off.

Where a process has ended it would let the others go on with half a sum for a moment, and then end them: the optimizer
would step by that, and it could be saved. Without it they wait, and `Others` ends them.
"""


class Group:
    """`Processes` that run beside each other on this machine, which this one joins; returns when all are there.

    number: of this one, 0 is the first.

    Raises:
        ProcessLost: another one has ended.
    """

    def __init__(self, meeting: Meeting, number: int, count: int) -> None:
        self.number, self._count = number, count
        if sys.platform in LOOPBACK:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK[sys.platform])
        store = dist.FileStore(str(meeting.store), count)
        store.set_timeout(LONGEST)
        with self._together():
            dist.init_process_group("gloo", store=store, rank=number, world_size=count, timeout=LONGEST)

    def share(self, items: Sequence[T]) -> Sequence[T]:
        return share_of(items, self.number, self._count)

    def each(self, compute: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        at_once = AT_A_TIME * self._count
        for start in range(0, len(items), at_once):
            own = [compute(item) for item in self.share(items[start : start + at_once])]
            gathered: list[Any] = [None] * self._count
            with self._together():
                dist.all_gather_object(gathered, own)
            yield from chain.from_iterable(gathered)

    def wait(self) -> None:
        with self._together():
            dist.barrier()

    def of_first(self, value: T) -> T:
        told = [value]
        with self._together():
            dist.broadcast_object_list(told, src=0)
        return told[0]

    def tell(self, todo: StepToDo) -> None:
        self.of_first(todo)

    def told(self) -> StepToDo:
        todo = self.of_first(None)
        assert isinstance(todo, StepToDo)
        return todo

    def summed(self, losses: LossParts, learns: bool, parameters: Sequence[nn.Parameter]) -> tuple[LossParts, bool]:
        have = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
        self._sum(have)
        learning = [parameter for parameter, one in zip(parameters, have.unbind(), strict=True) if one]
        for portion in portions(learning, nn.Parameter.numel, MOST_VALUES):
            self._sum_gradients(portion)
        whole = torch.stack(losses)
        self._sum(whole)
        return LossParts(*whole.unbind()), bool(learning)

    def _sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Each has the sum of all processes; one that the share of a process does not reach counts as zero there."""
        flat = torch.cat([_values(parameter) for parameter in parameters])
        self._sum(flat)
        start = 0
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            part = flat[start : start + parameter.numel()]
            parameter.grad.copy_(part.view_as(parameter))
            start += parameter.numel()

    @cached_property
    def _gpus(self) -> Any:
        """What sums between GPUs; all processes ask for it at once, as they come to their first gradients."""
        if not dist.is_nccl_available():
            return None
        os.environ.update(NO_NCCL_ERRORS)
        return dist.new_group(backend="nccl", timeout=LONGEST)

    def _sum(self, tensor: Tensor) -> None:
        with self._together():
            if tensor.device.type == "cpu":
                dist.all_reduce(tensor)
            elif self._gpus is not None:
                dist.all_reduce(tensor, group=self._gpus)
            else:
                there = tensor.cpu()
                dist.all_reduce(there)
                tensor.copy_(there)

    @contextmanager
    def _together(self) -> Generator[None, None, None]:
        """What fails in here fails for want of another process: torch has no kind of error of its own for that."""
        try:
            yield
        except RuntimeError as error:
            raise ProcessLost(str(error)) from error


def _values(parameter: nn.Parameter) -> Tensor:
    """The gradient in fp32, (values,)."""
    if parameter.grad is None:
        return torch.zeros(parameter.numel(), device=parameter.device)
    return parameter.grad.detach().float().flatten()
