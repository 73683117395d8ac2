"""Captured steps: forward, loss and backward of a batch are launched on the GPU at once instead of kernel by kernel.

A batch whose shapes were seen before is copied into tensors that stay where they are, and what was recorded for such
shapes is replayed on them. Prompts are encoded outside, so that whatever a text encoder or a new word does can be
recorded too: the recording ends at the hidden states, and their gradient goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...settings.options import Settings
from .cuda_graphs import CudaRecorder, Recorder
from .gradients import Compute, Inputs, Learned

MOST_RECORDINGS = 16
"""Shapes that are recorded, those that come twice first; batches of others are computed without."""
ALIKE = 0.01
"""Relative difference up to which losses and gradients of a recording are those of the plain computation."""


def recorder_for(settings: Settings, device: torch.device) -> Recorder | None:
    """What records steps on the device, None where the settings do not ask for it or have what cannot be recorded.

    Gradient checkpointing asks for the state of random numbers in between, and the optimizer in the backward pass makes
    new tensors. On GPUs of AMD it was never tried, and a fault there ends the process. NCCL, which sums the gradients
    of several devices, asks the GPU from a thread of its own whether it is done, which ends a recording.
    """
    train = settings.train
    prevented = (
        train.gradient_checkpointing or train.fused_backward or train.devices > 1 or torch.version.hip is not None
    )
    if train.capture == "off" or device.type != "cuda" or prevented:
        return None
    return CudaRecorder(device)


class CapturedGradients:
    """Adds the gradients of batches as `compute` does, which it records.

    Each recording is held against the plain computation once; if they differ or if recording fails, all is computed
    plainly from then on.

    Args:
        parameters: all that is trained.
        warn: called with the reason when it gives up.
    """

    def __init__(
        self, compute: Compute, parameters: Sequence[nn.Parameter], recorder: Recorder, warn: Callable[[str], None]
    ) -> None:
        self._compute, self._parameters, self._warn = compute, parameters, warn
        self._recorder: Recorder | None = recorder
        self._reached: dict[Hashable, list[nn.Parameter]] = {}
        self._kept: dict[Hashable, _Recording] = {}
        self._buffers: dict[nn.Parameter, Tensor] = {}

    def __call__(self, inputs: Inputs, *others: Inputs) -> Learned:
        """Add the gradients of one batch. Several together are not recorded: none that `recorder_for` allows are."""
        if self._recorder is None or others:
            return self._compute(inputs, *others)
        shapes = _shapes(inputs)
        is_due = shapes in self._reached and len(self._kept) < MOST_RECORDINGS
        if shapes not in self._kept and is_due and self._nothing_is_added_yet():
            self._record(self._recorder, shapes, inputs)
        if shapes in self._kept:
            return self._replay(self._kept[shapes], inputs)
        return self._plainly(shapes, inputs)

    def forget(self) -> None:
        """Free the memory of all recordings; they are made anew when they are needed."""
        self._kept.clear()
        if self._recorder is not None:
            self._recorder.forget()

    def _plainly(self, shapes: Hashable, inputs: Inputs) -> Learned:
        """Compute without a recording, and note which parameters such a batch reaches beside its prompts."""
        nothing_yet = self._nothing_is_added_yet()
        split = _standing_alone(inputs)
        learned = self._compute(_as_computed(split))
        if nothing_yet:
            self._reached[shapes] = [parameter for parameter in self._parameters if parameter.grad is not None]
        _go_on(inputs, split)
        return learned

    def _replay(self, recording: _Recording, inputs: Inputs) -> Learned:
        self._attach_buffers(recording.reached)
        recording.fill(inputs)
        learned = recording.replay()
        _go_on(inputs, recording.inputs)
        return learned

    def _record(self, recorder: Recorder, shapes: Hashable, inputs: Inputs) -> None:
        """Record this batch's shapes; nothing is added to gradients, and no random number is used up."""
        reached, random = self._reached[shapes], recorder.random_state()
        try:
            recording = self._checked(recorder, inputs, reached, random)
            self._kept[shapes] = recording
        except RuntimeError as error:
            self._give_up(recorder, str(error).strip().partition("\n")[0])
        for parameter in reached:
            parameter.grad = None
        recorder.set_random_state(random)

    def _checked(self, recorder: Recorder, inputs: Inputs, reached: list[nn.Parameter], random: Tensor) -> _Recording:
        """A recording that computes what is computed without. Raises RuntimeError if it does not."""
        recording = _Recording(_standing_alone(inputs), reached)
        self._attach_buffers(reached)
        plain = _facts(recorder.warm_up(lambda: self._compute(_as_computed(recording.inputs))), recording)
        recording.replay = recorder.record(lambda: self._compute(_as_computed(recording.inputs)))
        for parameter in reached:
            parameter.grad = None
        self._attach_buffers(reached)
        recording.fill(inputs)
        recorder.set_random_state(random)
        replayed = _facts(recording.replay(), recording)
        if not torch.allclose(replayed, plain, rtol=ALIKE, equal_nan=True):
            raise RuntimeError(f"a replayed one gives {_written(replayed)} instead of {_written(plain)}")
        return recording

    def _attach_buffers(self, parameters: Sequence[nn.Parameter]) -> None:
        """Have gradients collected where recordings write them; they are zero if nothing is added yet."""
        fresh: list[Tensor] = []
        for parameter in parameters:
            buffer, gradient = self._buffers.get(parameter), parameter.grad
            if buffer is None:
                buffer = self._buffers[parameter] = torch.zeros_like(parameter)
            elif gradient is None:
                fresh.append(buffer)
            if gradient is not None and gradient is not buffer:
                buffer.copy_(gradient)
            parameter.grad = buffer
        if fresh:
            torch._foreach_zero_(fresh)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

    def _nothing_is_added_yet(self) -> bool:
        return all(parameter.grad is None for parameter in self._parameters)

    def _give_up(self, recorder: Recorder, reason: str) -> None:
        self._recorder = None
        self._kept.clear()
        self._buffers.clear()
        recorder.forget()
        self._warn(
            f"Steps cannot be captured as CUDA graphs here ({reason}): training goes on without, which may be slower; "
            'train.capture = "off" does not try.'
        )


class _Recording:
    """What was recorded for batches of one shape.

    inputs: the tensors that it reads. reached: the parameters whose gradients it adds to.
    """

    replay: Callable[[], Learned]

    def __init__(self, inputs: Inputs, reached: list[nn.Parameter]) -> None:
        self.inputs, self.reached = inputs, reached

    @torch.no_grad()
    def fill(self, inputs: Inputs) -> None:
        """Put another batch of the same shapes in place."""
        for own, given in zip(self.inputs.tensors(), inputs.tensors(), strict=True):
            own.copy_(given)
            if own.grad is not None:
                own.grad.zero_()


def _shapes(inputs: Inputs) -> Hashable:
    """What must be alike in batches that share a recording."""
    batch = inputs.batch
    tensors = tuple((tuple(t.shape), t.dtype, t.requires_grad) for t in inputs.tensors())
    kinds = type(inputs.prior), type(inputs.outside), type(batch.masks)
    return (tensors, kinds, batch.class_rows, batch.instance_count, batch.class_count)


def _standing_alone(inputs: Inputs) -> Inputs:
    """A copy in tensors of its own, through which no gradient goes on."""
    return inputs.each(lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad))


def _as_computed(alone: Inputs) -> Inputs:
    """The same tensors as if something had computed them.

    Autocast keeps its copy of what nothing has computed, as it should of weights, and adds up in bf16 the gradients of
    all the layers that use it.
    """
    return replace(alone, conditioning=alone.conditioning.each(lambda tensor: tensor.view_as(tensor)))


def _go_on(inputs: Inputs, alone: Inputs) -> None:
    """Let the gradients that have arrived at a copy of the inputs go on to what computed them."""
    ends = [(t, own.grad) for t, own in zip(inputs.tensors(), alone.tensors(), strict=True) if t.requires_grad]
    arrived = [(tensor, gradient.clone()) for tensor, gradient in ends if gradient is not None]
    if arrived:
        torch.autograd.backward([tensor for tensor, _ in arrived], [gradient for _, gradient in arrived])


def _facts(learned: Learned, recording: _Recording) -> Tensor:
    """What two computations of the same batch have in common: the losses, and the norm of all gradients."""
    ends = [*recording.reached, *recording.inputs.tensors()]
    norms = [_norm(end.grad.float()) for end in ends if end.grad is not None]
    facts = [loss.float() for loss in learned.losses]
    return torch.stack([*facts, _norm(torch.stack(norms))] if norms else facts)


def _norm(tensor: Tensor) -> Tensor:
    return tensor.square().sum().sqrt()


def _written(facts: Tensor) -> str:
    return ", ".join(f"{float(fact):.4g}" for fact in facts)
