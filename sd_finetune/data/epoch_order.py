"""The order of the examples: each once per epoch, shuffled by seed and epoch alone."""

from __future__ import annotations

import random


def steps_per_epoch(examples: int, batch_size: int, accumulation: int = 1) -> int:
    """Optimizer steps per epoch. A step takes `batch_size * accumulation` examples, the last one what is left."""
    return -(-examples // (batch_size * accumulation))


class EpochOrder:
    """A new shuffle of `count` examples for each epoch, cut into batches.

    The order is a function of (seed, epoch), so a resumed run needs no state but its step. The last batch of an
    epoch is smaller when `count` is not a multiple of `batch_size`: filling it up would use some examples twice.
    Steps, epochs and positions count from 0.
    """

    def __init__(self, count: int, seed: int, batch_size: int = 1) -> None:
        """count, batch_size: at least 1, else ValueError. seed: any whole number."""
        if count < 1 or batch_size < 1:
            raise ValueError(f"count {count} and batch_size {batch_size} must be at least 1")
        self.count = count
        self.seed = seed
        self.batch_size = batch_size
        self._latest: tuple[int, list[int]] = (-1, [])

    @property
    def steps_per_epoch(self) -> int:
        """Batches per epoch."""
        return steps_per_epoch(self.count, self.batch_size)

    def epoch(self, epoch: int) -> list[int]:
        """The whole epoch: a permutation of 0 … count-1."""
        if epoch < 0:
            raise ValueError(f"epoch {epoch} is negative")
        if self._latest[0] != epoch:
            order = list(range(self.count))
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
            self._latest = (epoch, order)
        return list(self._latest[1])

    def batch(self, step: int) -> list[int]:
        """The examples of one step: batch_size of them, or fewer in the last step of an epoch."""
        epoch, part = divmod(step, self.steps_per_epoch)
        start = part * self.batch_size
        return self.epoch(epoch)[start : start + self.batch_size]

    def position(self, step: int) -> int:
        """How many examples were used before `step`."""
        epoch, part = divmod(step, self.steps_per_epoch)
        return epoch * self.count + part * self.batch_size

    def stream(self, position: int, amount: int) -> list[int]:
        """`amount` examples from `position` on, across epochs.

        For class examples: a step needs as many as it has instance examples, whatever their total.
        """
        places = (divmod(place, self.count) for place in range(position, position + amount))
        return [self.epoch(epoch)[index] for epoch, index in places]
