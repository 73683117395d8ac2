"""The order of the examples: each once per epoch, shuffled by seed and epoch alone, in batches of one size."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple


def steps_per_epoch(sizes: Iterable[Hashable], batch_size: int, accumulation: int = 1) -> int:
    """Optimizer steps per epoch of examples of these sizes: the one answer, for the tab, the estimate and the loop.

    A batch has examples of one size, of each the last one what is left; a step takes `accumulation` batches.
    """
    return -(-sum(-(-count // batch_size) for count in Counter(sizes).values()) // accumulation)


class Epoch(NamedTuple):
    """batches: the examples of each; before: how many come before each; order: all examples as they come."""

    batches: list[list[int]]
    before: list[int]
    order: list[int]


class EpochOrder:
    """A new shuffle of all examples for each epoch, cut into batches of one size.

    The order is a function of (seed, epoch), so a resumed run needs no state but its step. The last batch of a size is
    smaller when its examples are not a multiple of `batch_size`: filling it up would use some of them twice. A step
    takes `accumulation` batches, the last one of an epoch what is left. Steps, epochs and positions count from 0.
    """

    def __init__(self, sizes: Sequence[Hashable], seed: int, batch_size: int = 1, accumulation: int = 1) -> None:
        """sizes: of each example. batch_size, accumulation: at least 1, else ValueError. seed: any whole number."""
        if not sizes or batch_size < 1 or accumulation < 1:
            raise ValueError(f"{len(sizes)} examples, {batch_size} in a batch, {accumulation} batches: at least 1 each")
        self._sizes, self._seed = sizes, seed
        self._batch_size, self._accumulation = batch_size, accumulation
        self.count = len(sizes)
        self.steps_per_epoch = steps_per_epoch(sizes, batch_size, accumulation)
        self._latest: tuple[int, Epoch] = (-1, Epoch([], [], []))

    def batches(self, step: int) -> list[list[int]]:
        """The examples of each batch of one step."""
        epoch, part = divmod(step, self.steps_per_epoch)
        first = part * self._accumulation
        return self._epoch(epoch).batches[first : first + self._accumulation]

    def position(self, step: int) -> int:
        """How many examples were used before `step`."""
        epoch, part = divmod(step, self.steps_per_epoch)
        return epoch * self.count + self._epoch(epoch).before[part * self._accumulation]

    def at(self, position: int) -> int:
        """The example at a position, across epochs.

        For class examples: a step needs as many as it has instance examples, whatever their total.
        """
        epoch, place = divmod(position, self.count)
        return self._epoch(epoch).order[place]

    def _epoch(self, epoch: int) -> Epoch:
        if epoch < 0:
            raise ValueError(f"epoch {epoch} is negative")
        if self._latest[0] != epoch:
            batches = self._batches_of(epoch)
            before = [0, *accumulate(len(batch) for batch in batches)]
            self._latest = (epoch, Epoch(batches, before, [example for batch in batches for example in batch]))
        return self._latest[1]

    def _batches_of(self, epoch: int) -> list[list[int]]:
        shuffled, stream = list(range(self.count)), random.Random(f"{self._seed}/{epoch}")
        stream.shuffle(shuffled)
        open_batches: dict[Hashable, list[int]] = {}
        batches: list[list[int]] = []
        for example in shuffled:
            batch = open_batches.setdefault(self._sizes[example], [])
            if not batch:
                batches.append(batch)
            batch.append(example)
            if len(batch) == self._batch_size:
                del open_batches[self._sizes[example]]
        if len(set(self._sizes)) > 1:
            stream.shuffle(batches)
        return batches
