"""The gradients of a batch: what its prompts and class examples need first, then forward, loss and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from ...diffusion.loss import LossParts
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...settings.options import Settings
from ..device import Accelerator
from .batches import Batch
from .conditioning import Conditioning
from .loss import loss_of

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
    """losses: the batch's share of the step's. learns: whether the batch has anything that learns."""

    losses: LossParts
    learns: bool


class Compute(Protocol):
    """Adds the gradients of a batch to those of the trained parameters."""

    def __call__(self, inputs: Inputs) -> Learned: ...
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

    def __call__(self, inputs: Inputs) -> Learned:
        batch, sources = inputs.batch, self._sources
        prior = _targets(sources.prior, batch, inputs.prior)
        outside = _targets(sources.outside, batch, inputs.outside)
        with self._accelerator.autocast():
            part = loss_of(self._model, batch, inputs.conditioning, self._settings, prior, outside)
        learns = part.total.requires_grad  # it does not where no prompt of the batch has the new word that is learning
        if learns:
            self._accelerator.backward(part.total)  # with train.fused_backward weights change in here
        return Learned(LossParts(*(loss.detach() for loss in part)), learns)

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

    def of(self, batch: Batch) -> Learned:
        """Add the gradients of one batch of the step to those of the trained parameters."""
        with self._accelerator.autocast():
            conditioning = batch.told(self._conditioning(batch.prompts))
        sources = self._sources
        prior = sources.prior.prepare(batch) if sources.prior and batch.class_rows else None
        outside = sources.outside.prepare(batch) if sources.outside and batch.instance_rows else None
        return self._compute(Inputs(batch, conditioning, prior, outside))
