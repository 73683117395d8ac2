"""Rules of the options that save VRAM on what is trained."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .optimizers import OPTIMIZERS
from .options import Settings


def bf16_weights(settings: Settings) -> Iterator[Broken]:
    precision = settings.train.mixed_precision
    if settings.train.weights == "bf16" and precision != "bf16":
        sentence = f'train.weights = "bf16" needs train.mixed_precision = "bf16" and that is "{precision}"'
        yield ("train.weights", "train.mixed_precision"), f'{sentence}: change it, or set train.weights to "fp32".'


def fused_backward(settings: Settings) -> Iterator[Broken]:
    """What needs more than one gradient at a time."""
    train, fused, optimizer = settings.train, "train.fused_backward", settings.optimizer.name
    if not train.fused_backward:
        return
    if train.gradient_accumulation_steps > 1:
        name = "train.gradient_accumulation_steps"
        sentence = f"{name} = {train.gradient_accumulation_steps} needs gradients that {fused} = true has freed"
        yield (name, fused), f"{sentence}: set it to 1 and train.batch_size higher, or {fused} to false."
    if train.max_grad_norm > 0 and train.clip_by == "global_norm":
        sentence = f'train.clip_by = "global_norm" needs all gradients at once, which {fused} = true does not keep'
        yield ("train.clip_by", fused), f'{sentence}: set it to "parameter_norm", or train.max_grad_norm to 0.'
    if train.mixed_precision == "fp16":
        sentence = f'train.mixed_precision = "fp16" checks all gradients before a step, which {fused} = true'
        yield ("train.mixed_precision", fused), f'{sentence} does not keep: use "bf16" or "no".'
    if not OPTIMIZERS[optimizer].steps_alone:
        sentence = f'optimizer.name = "{optimizer}" needs all gradients at once, which {fused} = true does not keep'
        yield ("optimizer.name", fused), f"{sentence}: choose another optimizer, or set {fused} to false."
