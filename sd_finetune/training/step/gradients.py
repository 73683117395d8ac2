"""The gradients of a batch: what its prompts and class examples need first, then forward, loss and backward."""

from __future__ import annotations

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
    """A source of targets for class examples."""

    def prepare(self, batch: Batch) -> Prepared:
        """What must be looked up or encoded for the batch's class examples."""
        ...

    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """The targets of the batch's class examples in their order, (class examples, 4, height/8, width/8), float32."""
        ...


@dataclass(frozen=True)
class Inputs:
    """What the gradients of a batch are computed from."""

    batch: Batch
    conditioning: TextConditioning
    """With gradients where the text encoder or a new word in a prompt is trained."""
    prior: Prepared | None
    """None without targets of their own for class examples."""


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
        prior_targets: PriorTargets | None,
    ) -> None:
        self._model, self._settings, self._accelerator = model, settings, accelerator
        self._prior_targets = prior_targets

    def __call__(self, inputs: Inputs) -> Learned:
        targets = None
        if self._prior_targets is not None and inputs.prior is not None:
            targets = self._prior_targets(inputs.batch, inputs.prior)
        with self._accelerator.autocast():
            part = loss_of(self._model, inputs.batch, inputs.conditioning, self._settings, targets)
        learns = part.total.requires_grad  # it does not where no prompt of the batch has the new word that is learning
        if learns:
            self._accelerator.backward(part.total)  # with train.fused_backward weights change in here
        return Learned(LossParts(*(loss.detach() for loss in part)), learns)

    def forget(self) -> None:
        """It keeps nothing."""


class Gradients:
    """The gradients of batches: what they are computed from, then `compute`."""

    def __init__(
        self,
        accelerator: Accelerator,
        conditioning: Conditioning,
        prior_targets: PriorTargets | None,
        compute: Compute,
    ) -> None:
        self._accelerator, self._conditioning = accelerator, conditioning
        self._prior_targets, self._compute = prior_targets, compute
        self.forget = compute.forget

    def of(self, batch: Batch) -> Learned:
        """Add the gradients of one batch of the step to those of the trained parameters."""
        with self._accelerator.autocast():
            conditioning = self._conditioning(batch.prompts)
        prior = self._prior_targets.prepare(batch) if self._prior_targets and batch.class_rows else None
        return self._compute(Inputs(batch, conditioning, prior))
