"""The processes of a run, each with a device of its own. The first does all that is not split, and alone writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from torch import nn

from ...diffusion.loss import LossParts

T = TypeVar("T")
R = TypeVar("R")


class StepToDo(NamedTuple):
    """A step that all processes do. step: 0 is the first. factors: as `set_learning_rates` takes them.

    parts_that_stay: as in `Training`.
    """

    step: int
    factors: float | Mapping[str, float]
    parts_that_stay: Sequence[str]


class Processes(Protocol):
    """What the processes of a run do together: each calls the same methods in the same order.

    Each of them may raise ProcessLost.
    """

    @property
    def number(self) -> int:
        """Of this one, 0 is the first."""
        ...

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Those of this process: neighbors, which differ by one at most in number; the first process has most."""
        ...

    def each(self, compute: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """What `compute` makes of all items, in order; each process computes its share. Tensors are on the CPU."""
        ...

    def wait(self) -> None:
        """Return when all processes have called this."""
        ...

    def of_first(self, value: T) -> T:
        """What the first process gives here, also where others have found something else, as in a changing folder."""
        ...

    def tell(self, todo: StepToDo) -> None:
        """Have the others begin a step; called by the first."""
        ...

    def told(self) -> StepToDo:
        """The next step; called by the others."""
        ...

    def summed(self, losses: LossParts, learns: bool, parameters: Sequence[nn.Parameter]) -> tuple[LossParts, bool]:
        """The losses of all shares of a step, and whether there are gradients, of which each has the sum from now on.

        losses, learns: of this process's share. parameters: all that is trained.
        """
        ...


class Alone:
    """One process, which does everything itself."""

    number = 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        return items

    def each(self, compute: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        return map(compute, items)

    def wait(self) -> None:
        """There is nobody to wait for."""

    def of_first(self, value: T) -> T:
        return value

    def tell(self, todo: StepToDo) -> None:
        """There is nobody to tell."""

    def told(self) -> StepToDo:
        raise AssertionError("the first process is not told anything")

    def summed(self, losses: LossParts, learns: bool, parameters: Sequence[nn.Parameter]) -> tuple[LossParts, bool]:
        return losses, learns


ALONE = Alone()


def share_of(items: Sequence[T], number: int, count: int) -> Sequence[T]:
    """The part of process `number` of so many, as `Processes.share` says."""
    start, stop = (-(-len(items) * each // count) for each in (number, number + 1))
    return items[start:stop]
