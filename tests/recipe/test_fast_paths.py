"""Every way that is faster, or takes less VRAM, trains what the plain way trains, to the tolerance in this table.

A new one is a row of `PATHS`. On a machine with CUDA the same rows run there too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.runs.messages import Step
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.training import placement, setup
from sd_finetune.training.compute.attention import attentions_of
from sd_finetune.training.compute.eight_bits import KINDS
from sd_finetune.training.loop import train
from sd_finetune.training.portions import portions
from sd_finetune.training.state import Training
from sd_finetune.training.step import updates
from sd_finetune.training.step.capture import CapturedGradients
from tests.optimizers import LEARNING_RATES, marks_of, optimizer_changes
from tests.recorder import Replaying
from tests.toy import ROWS, Toy, events_of, forget_accelerator, trained
from tests.xformers import stand_in_for_xformers

Changes = Mapping[str, Any]

STEPS = 3
BOTH = {
    "train.length": f"{STEPS} steps",
    "prior.weight": 1.0,
    "concepts.class_images": 2,
    "train.capture": "off",
}
"""What the plain and the fast run have in common, beside the row's own."""
UNCLIPPED = {"train.max_grad_norm": 0}
EACH_CLIPPED = {"train.max_grad_norm": 1e-3, "train.clip_by": "parameter_norm"}
MIXED = {"train.mixed_precision": "bf16"}
BF16 = {"train.weights": "bf16", **MIXED}
FUSED = {"train.fused_backward": True}
INT8 = {"train.frozen_weights": "int8"}
FP8 = {"train.frozen_weights": "fp8"}
CHECKPOINTED = {"train.gradient_checkpointing": True}
ALL_KINDS = {
    "prior.source": "model",
    "prior.bank_size": 2,
    "samples.prompts": ["a star"],
    "samples.every": "2 steps",
    "evaluation.every": "1 step",
    "evaluation.images": 2,
    "evaluation.timesteps": 2,
}
"""What needs parts for a while that training itself does without."""
AS_THE_GRADIENT = {
    "optimizer.eps": 1.0,
    **dict.fromkeys(
        ("train.unet_learning_rate", "train.text_encoder_learning_rate", "textual_inversion.learning_rate"), 1.0
    ),
}
"""AdamW's step is nearly in proportion to the gradient. With a small eps gradients of nearly zero, which are nothing
but rounding, move a weight as far as others do."""

EACH = ("lora+text", "dreambooth+text", "textual_inversion", "hypernetwork")
"""Everything that is trained, once."""
DREAMBOOTH = ("dreambooth+text",)
FROZEN = ("lora+text", "textual_inversion", "hypernetwork")
"""The UNet's own weights are not trained."""

TO_THE_BIT = 0.0
OTHER_ORDER = 1e-4
"""The same sums in another order, in fp32."""
ROUNDED_BY_CHANCE = math.inf
"""Single weights are not compared. Where all of them go together is in tests/recipe/test_updates.py."""
ON_CUDA = 5e-3
"""The least tolerance there: its backward passes add up in an order of their own in each run."""


def is_fused(training: Training) -> bool:
    return any(parameter._post_accumulate_grad_hooks for parameter in training.updates.parameters)


def is_checkpointed(training: Training) -> bool:
    return training.model.unet.is_gradient_checkpointing


def is_put_away(training: Training) -> bool:
    return training.placement.moves


def is_in_portions(training: Training) -> bool:
    return len(list(portions(training.updates._weights, updates._values, updates.PORTION_VALUES))) > 1


def is_mixed(training: Training) -> bool:
    one = torch.ones(1, 1, device=training.accelerator.device)
    with training.accelerator.autocast():
        return (one @ one).dtype != torch.float32


def is_captured(training: Training) -> bool:
    """Not in the first step, which tells that such batches come at all."""
    compute = training.gradients._compute
    return isinstance(compute, CapturedGradients) and bool(compute._kept)


def has_bf16_weights(training: Training) -> bool:
    return {parameter.dtype for parameter in training.updates.parameters} == {torch.bfloat16}


def has_8bit_state(training: Training) -> bool:
    kept = [value for state in training.optimizer.state.values() for value in state.values()]
    return any(isinstance(value, Tensor) and value.dtype == torch.uint8 and value.numel() > 256 for value in kept)


def keeps_8_bits(training: Training) -> bool:
    kept = [p for p in training.model.unet.parameters() if p.dtype in KINDS.values()]
    return sum(p.numel() for p in kept) > 0.8 * sum(p.numel() for p in training.model.unet.parameters())


def is_channels_last(training: Training) -> bool:
    kernels = [p for m in (training.model.unet, *training.method.networks.values()) for p in m.parameters()]
    kernels = [p for p in kernels if p.ndim == 4 and p.shape[-1] > 1]
    assert kernels
    return all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


def has_attention(processor: str) -> Callable[[Training], bool]:
    def has(training: Training) -> bool:
        used = [type(each.processor).__mro__ for each in attentions_of(training.model.unet)]
        return all(processor in (kind.__name__ for kind in kinds) for kinds in used)

    return has


@dataclass(frozen=True)
class FastPath:
    """One row: what turns it on, and how far the run may be from the plain one.

    fast: what the plain run does not have. tolerance: of each loss; and of all trained values taken as one vector, by
    the distance that training moves them, unless `weights` says otherwise.
    """

    fast: Changes
    tolerance: float
    is_on: Callable[[Training], bool]
    """Whether a run, at its end, went this way: else the same run would be compared with itself."""
    both: Changes = field(default_factory=dict)
    """What both runs have beside `BOTH`."""
    methods: Sequence[str] = EACH
    """Rows of `tests.toy.ROWS`."""
    weights: float | None = None
    """The tolerance of the trained values, where it is another than that of the losses."""
    stand_in: Callable[[pytest.MonkeyPatch], None] | None = None
    """Makes what needs a GPU act on the CPU, in the fast run."""
    cuda_only: bool = False
    """It has no stand-in."""
    optimizer: str = "adamw"
    """Skipped where this one cannot be used."""
    needs: str = ""
    """A package without which it is skipped on CUDA."""


def moved_although_on_cpu(patch: pytest.MonkeyPatch) -> None:
    """Parts are put away and brought back; tests/recipe/test_placement.py shows that none is used while it is away."""
    made = placement.Placement.__init__
    patch.setattr(
        placement.Placement,
        "__init__",
        lambda self, model, device, dtype: made(
            self, model, torch.device("cuda"), dtype, lambda module, where, converted: module.to(converted)
        ),
    )


def replayed_by_calling_again(patch: pytest.MonkeyPatch) -> None:
    """tests/recipe/test_capture.py shows what is replayed, and when."""
    patch.setattr("sd_finetune.training.state.recorder_for", lambda settings, device: Replaying())


def few_values_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """As with a model that has more weights than are stepped together."""
    patch.setattr(updates, "PORTION_VALUES", 10_000)


def channels_last_although_on_cpu(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(setup, "is_faster", lambda *_: True)


def with_xformers(patch: pytest.MonkeyPatch) -> None:
    stand_in_for_xformers(patch)


PATHS = {
    "fused": FastPath(FUSED, TO_THE_BIT, is_fused, both=UNCLIPPED),
    "fused, each clipped": FastPath(FUSED, TO_THE_BIT, is_fused, EACH_CLIPPED, DREAMBOOTH),
    "fused, each clipped, bf16 weights": FastPath(FUSED, TO_THE_BIT, is_fused, {**BF16, **EACH_CLIPPED}),
    "fused, checkpointed": FastPath(
        FUSED, TO_THE_BIT, is_fused, {**CHECKPOINTED, **UNCLIPPED}, ("lora+text", "hypernetwork")
    ),  # hypernetworks stand in every checkpointed block, and the text encoder's are checkpointed in another way
    **{
        f"fused, bf16 weights, {name}": FastPath(
            FUSED, TO_THE_BIT, is_fused, {**BF16, **UNCLIPPED, **optimizer_changes(name)}, DREAMBOOTH, optimizer=name
        )
        for name in LEARNING_RATES
        if OPTIMIZERS[name].steps_alone
    },
    "checkpointed": FastPath(CHECKPOINTED, OTHER_ORDER, is_checkpointed, AS_THE_GRADIENT),
    "captured": FastPath({"train.capture": "auto"}, TO_THE_BIT, is_captured, stand_in=replayed_by_calling_again),
    "captured, bf16": FastPath(
        {"train.capture": "auto"}, TO_THE_BIT, is_captured, MIXED, stand_in=replayed_by_calling_again
    ),
    "captured, the prior decays": FastPath(
        {"train.capture": "auto"}, TO_THE_BIT, is_captured, {"prior.decay": "3 steps"}, ("lora",),
        stand_in=replayed_by_calling_again,
    ),
    "captured, text encoders stop": FastPath(
        {"train.capture": "auto"}, TO_THE_BIT, is_captured, {"train.text_encoder_share": 0.34}, ("lora+text",),
        stand_in=replayed_by_calling_again,
    ),
    "attention in slices": FastPath(
        {"train.attention": "sliced"}, OTHER_ORDER, has_attention("Sliced"), AS_THE_GRADIENT,
    ),
    "attention by xformers": FastPath(
        {"train.attention": "xformers"}, OTHER_ORDER, has_attention("XFormersAttnProcessor"), AS_THE_GRADIENT,
        stand_in=with_xformers, needs="xformers",
    ),
    "channels last": FastPath(
        {}, OTHER_ORDER, is_channels_last, AS_THE_GRADIENT, ("lora", "dreambooth+text"),
        weights=1e-3, stand_in=channels_last_although_on_cpu,
    ),
    "put away": FastPath(
        {}, OTHER_ORDER, is_put_away, ALL_KINDS, ("lora", "dreambooth", "hypernetwork"), stand_in=moved_although_on_cpu
    ),
    "frozen weights in fp8": FastPath(FP8, 0.01, keeps_8_bits, AS_THE_GRADIENT, FROZEN, weights=0.3),
    "frozen weights in int8": FastPath(INT8, 2e-3, keeps_8_bits, AS_THE_GRADIENT, FROZEN, weights=0.1),
    "frozen weights in int8, put away": FastPath(
        {}, OTHER_ORDER, is_put_away, {**INT8, **ALL_KINDS}, FROZEN[:1], stand_in=moved_although_on_cpu
    ),
    "frozen weights in int8, checkpointed": FastPath(CHECKPOINTED, OTHER_ORDER, is_checkpointed, INT8, FROZEN),
    "frozen weights in int8, captured": FastPath(
        {"train.capture": "auto"}, TO_THE_BIT, is_captured, INT8, FROZEN[:1], stand_in=replayed_by_calling_again
    ),
    "in portions": FastPath({}, TO_THE_BIT, is_in_portions, BF16, DREAMBOOTH, stand_in=few_values_at_a_time),
    "mixed precision bf16": FastPath(MIXED, 0.05, is_mixed, AS_THE_GRADIENT, weights=0.7),
    "mixed precision fp16": FastPath(
        {"train.mixed_precision": "fp16"}, 0.05, is_mixed, AS_THE_GRADIENT, weights=0.5, cuda_only=True
    ),
    "bf16 weights": FastPath({"train.weights": "bf16"}, 0.01, has_bf16_weights, both=MIXED, weights=ROUNDED_BY_CHANCE),
    **{
        name: FastPath({"optimizer.name": name}, 0.03, has_8bit_state, methods=DREAMBOOTH, optimizer=name)
        for name in ("adamw8bit", "paged_adamw8bit")
    },
}  # fmt: skip


ON_SDXL = {
    "checkpointed": ("lora+text", "textual_inversion"),
    "attention in slices": ("lora+text",),
    "channels last": ("lora",),
    "put away": ("lora", "dreambooth"),
    "frozen weights in fp8, put away": ("lora+text",),
}
"""What meets other layers there, or two text encoders; and what it is tried with."""


@dataclass(frozen=True)
class Run:
    """What training made: the loss of each step, the trained values before the first step and after the last."""

    losses: list[float]
    start: Tensor
    end: Tensor

    @classmethod
    def of(cls, training: Training) -> Run:
        start = flat(training)
        train(training)
        return cls([event.loss for event in events_of(training.run, Step)], start, flat(training))

    def differences(self, plain: Run) -> tuple[float, float]:
        """Relative: the largest of a loss, and that of the trained values."""
        assert len(plain.losses) == len(self.losses) == STEPS
        losses = [abs(own / other - 1) for own, other in zip(self.losses, plain.losses, strict=True)]
        return max(losses), float((self.end - plain.end).norm() / (plain.end - plain.start).norm())


def flat(training: Training) -> Tensor:
    return torch.cat([value.double().flatten().cpu() for value in trained(training).values()])


@pytest.fixture(scope="module")
def plain_runs() -> dict[str, Run]:
    """Those made so far: many paths are compared with the same one."""
    return {}


def on_cuda(path: FastPath) -> list[pytest.MarkDecorator]:
    lacks = bool(path.needs) and find_spec(path.needs) is None
    return [
        pytest.mark.cuda,
        pytest.mark.skipif(lacks, reason=f"it needs the package {path.needs}"),
    ]


def cases() -> list[Any]:
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    return [
        pytest.param(path, kind, method, device, id=f"{name}-{kind}-{method}-{device}", marks=marks)
        for name, path in PATHS.items()
        for device in (["cuda"] if path.cuda_only else devices)
        for marks in [[*marks_of(path.optimizer), *(on_cuda(path) if device == "cuda" else [])]]
        for kind, methods in (("sd1", path.methods), ("sdxl", ON_SDXL.get(name, ())))
        for method in methods
    ]


@pytest.mark.parametrize(("path", "kind", "method", "device"), cases())
def test_it_trains_what_the_plain_way_trains(
    toys: Callable[[str], Toy], plain_runs: dict[str, Run], path: FastPath, kind: str, method: str, device: str
) -> None:
    toy, both = toys(kind), {**BOTH, **ROWS[method], **path.both, "train.device": device}
    key = f"{kind} {sorted(both.items())}"
    if key not in plain_runs:
        plain = toy.prepare(both)
        plain_runs[key] = Run.of(plain)
        assert device == "cuda" or not path.is_on(plain)
        forget_accelerator()
    with pytest.MonkeyPatch.context() as patch:
        if path.stand_in and device == "cpu":
            path.stand_in(patch)
        fast = toy.prepare({**both, **path.fast})
        losses, weights = Run.of(fast).differences(plain_runs[key])
        assert path.is_on(fast)
    print(f"losses differ by {losses:.1e}, weights by {weights:.1e}")
    least = 0.0 if device == "cpu" else ON_CUDA
    assert losses <= max(path.tolerance, least)
    assert weights <= max(path.tolerance if path.weights is None else path.weights, least)
