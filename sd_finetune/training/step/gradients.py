"""The gradients of a batch: what its prompts and class examples need first, then forward, loss and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial, reduce
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from ...diffusion.loss import LossParts
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...settings.options import Settings
from ..device import Accelerator
from .batches import Batch
from .conditioning import Conditioning
from .loss import loss_of

T = TypeVar("T")

Prepared = Tensor | TextConditioning
"""What prior targets are computed from beside the batch itself: encoded class prompts, or the targets themselves."""


class PriorTargets(Protocol):
    """A source of targets for the class examples, or for the training images, of batches."""

    def prepare(self, batch: Batch) -> Prepared:
        """What must be looked up or encoded for these of the batch's rows."""
        ...

    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """The targets of these rows in their order, (rows, 4, height/8, width/8), float32."""
        ...


@dataclass(frozen=True)
class Sources:
    """prior: of the targets of class examples. outside: of those of training images outside of their masks."""

    prior: PriorTargets | None = None
    outside: PriorTargets | None = None


@dataclass(frozen=True)
class Inputs:
    """What the gradients of a batch are computed from."""

    batch: Batch
    conditioning: TextConditioning
    """With gradients where the text encoder or a new word in a prompt is trained."""
    prior: Prepared | None
    """None without targets of their own for class examples."""
    outside: Prepared | None = None
    """None without such for training images."""

    def tensors(self) -> Iterator[Tensor]:
        """All of them, in a fixed order."""
        yield from self.batch.tensors()
        yield from self.conditioning.tensors()
        for prepared in (self.prior, self.outside):
            if isinstance(prepared, TextConditioning):
                yield from prepared.tensors()
            elif prepared is not None:
                yield prepared

    def each(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """The same with every tensor changed."""
        prior, outside = _changed(self.prior, change), _changed(self.outside, change)
        return Inputs(self.batch.each(change), self.conditioning.each(change), prior, outside)


def _changed(prepared: Prepared | None, change: Callable[[Tensor], Tensor]) -> Prepared | None:
    if isinstance(prepared, TextConditioning):
        return prepared.each(change)
    return None if prepared is None else change(prepared)


class Learned(NamedTuple):
    """losses: the batches' share of the step's. learns: whether the batches have anything that learns."""

    losses: LossParts
    learns: bool


class Compute(Protocol):
    """Adds the gradients of batches to those of the trained parameters, all by one backward pass."""

    def __call__(self, *inputs: Inputs) -> Learned: ...
    def forget(self) -> None:
        """Free the memory that it keeps from batch to batch."""
        ...


class PlainGradients:
    """`Compute` kernel by kernel: nothing in here waits for the GPU, or reads on the CPU what it computes."""

    def __init__(
        self,
        model: DiffusionModel,
        settings: Settings,
        accelerator: Accelerator,
        sources: Sources,
    ) -> None:
        self._model, self._settings, self._accelerator = model, settings, accelerator
        self._sources = sources

    def __call__(self, *inputs: Inputs) -> Learned:
        prepared = [(each, *self._targets(each)) for each in inputs]
        parts = self._losses(prepared) if len(inputs) == 1 else self._in_a_new_thread(lambda: self._losses(prepared))
        # A batch where no prompt has the new word that is learning has nothing that learns.
        learning = [part.total for part in parts if part.total.requires_grad]
        if learning:
            self._accelerator.backward(reduce(torch.add, learning))  # with train.fused_backward weights change in here
        whole = LossParts(*(reduce(torch.add, [loss.detach() for loss in each]) for each in zip(*parts, strict=True)))
        return Learned(whole, bool(learning))

    def _targets(self, inputs: Inputs) -> tuple[Tensor | None, Tensor | None]:
        """Those of its class examples, and of its training images outside of their masks."""
        batch, sources = inputs.batch, self._sources
        return _targets(sources.prior, batch, inputs.prior), _targets(sources.outside, batch, inputs.outside)

    def _losses(self, prepared: Sequence[tuple[Inputs, Tensor | None, Tensor | None]]) -> list[LossParts]:
        """Of batches with their targets, each but the first in a thread of its own.

        The first one's autocast is still on for the others, so that all use the same copies of weights.
        """
        (inputs, prior, outside), *others = prepared
        with self._accelerator.autocast():
            part = loss_of(self._model, inputs.batch, inputs.conditioning, self._settings, prior, outside)
            return [part, *(self._in_a_new_thread(lambda: self._losses(others)) if others else [])]

    def _in_a_new_thread(self, compute: Callable[[], T]) -> T:
        """What it computes, as if nothing was computed before it.

        Of what is due, the backward pass takes what was computed last, by a count that each thread has of its own. So
        it goes through several losses of new threads layer by layer, and soon has the whole gradient of each weight.
        Else all gradients of one loss would be held until those of the next are there.
        """
        device = self._model.unet.device
        on_this_gpu = partial(torch.cuda.set_device, device) if device.type == "cuda" else None
        with ThreadPoolExecutor(1, initializer=on_this_gpu) as thread:
            return thread.submit(copy_context().run, compute).result()  # with torch.compile's limits

    def forget(self) -> None:
        """It keeps nothing."""


def _targets(source: PriorTargets | None, batch: Batch, prepared: Prepared | None) -> Tensor | None:
    return None if source is None or prepared is None else source(batch, prepared)


class Gradients:
    """The gradients of batches: what they are computed from, then `compute`."""

    def __init__(
        self,
        accelerator: Accelerator,
        conditioning: Conditioning,
        sources: Sources,
        compute: Compute,
    ) -> None:
        self._accelerator, self._conditioning = accelerator, conditioning
        self._sources, self._compute = sources, compute
        self.forget = compute.forget

    def of(self, *batches: Batch) -> Learned:
        """Add the gradients of these batches of the step to those of the trained parameters, by one backward pass."""
        with self._accelerator.autocast():
            conditionings = self._conditionings(batches)
        return self._compute(*map(self._inputs, batches, conditionings))

    def _conditionings(self, batches: Sequence[Batch]) -> list[TextConditioning]:
        """What the UNet is told in each.

        Their prompts are encoded together: with gradient checkpointing a text encoder has gradients of its weights for
        each time that it was called, so that with train.fused_backward they would change more than once.
        """
        encoded = self._conditioning([prompt for batch in batches for prompt in batch.prompts])
        if len(batches) == 1:
            return [batches[0].told(encoded)]
        ends = list(accumulate(len(batch.prompts) for batch in batches))
        rows = [slice(end - len(batch.prompts), end) for batch, end in zip(batches, ends, strict=True)]
        return [batch.told(encoded.each(itemgetter(own))) for batch, own in zip(batches, rows, strict=True)]

    def _inputs(self, batch: Batch, conditioning: TextConditioning) -> Inputs:
        sources = self._sources
        prior = sources.prior.prepare(batch) if sources.prior and batch.class_rows else None
        outside = sources.outside.prepare(batch) if sources.outside and batch.instance_rows else None
        return Inputs(batch, conditioning, prior, outside)
