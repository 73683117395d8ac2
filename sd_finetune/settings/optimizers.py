"""The optimizers there are: what implements each, how its learning rate is meant, what it takes and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class OptimizerFacts:
    """One optimizer. `implementation` is its class in `optimizers/NAME.py`, which only the worker imports."""

    implementation: str
    title: str
    """Its name in the tab."""
    summary: str
    """What sets it apart, for the help of `optimizer.name`."""
    builds: str
    """The class of the optimizer proper, in full, as results name it in their metadata."""
    options: Mapping[str, float | None]
    """The options of the group [optimizer] that it uses, and what "auto" is for each; None: what the method says."""
    state_bytes: float
    """Bytes of state for each trained parameter in fp32, beside the weight and its gradient."""
    step_bytes: float = 0
    """Bytes for each trained parameter that come to it while all are stepped at once."""
    learning_rate: Literal["absolute", "multiplier", "share"] = "absolute"
    """Multiplier: it finds one learning rate for all that is trained, which the one asked for multiplies. Share: it
    steps by a share of each weight's own size, which the one asked for multiplies."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it is always built with, beside the options."""
    keeps: tuple[str, ...] = ()
    """What changes in its param_groups while training, so that a snapshot needs it beside the state."""
    above_0: tuple[str, ...] = ()
    """Options that it cannot take as 0."""
    package: str = ""
    """The package that it needs beside torch, by the name that both `import` and pip know it by."""
    without_gpu_from: tuple[int, ...] = ()
    """The first version of the package that does without a GPU; empty where every one does."""
    steps_alone: bool = True
    """The step of a parameter needs nothing of the others, so that it can be taken as soon as its gradient is there.
    What it `keeps` of all is then that of the step before, for each of them."""
    keeps_layout: bool = True
    """It leaves a weight where it is in memory also if that has its channels last."""
    averages: bool = False
    """It averages the weights itself, and the average is what is used and saved."""
    learning_rate_share: float = 1
    """Which share of a method's own learning rates, which are AdamW's, stands for a learning rate of 0."""

    @property
    def multiplies(self) -> bool:
        """Whether learning rates are factors, of which 1 is the usual one."""
        return self.learning_rate != "absolute"


OF_THE_METHOD = {"weight_decay": None}
ADAMW_S: Mapping[str, float | None] = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, **OF_THE_METHOD}
LION_S: Mapping[str, float | None] = {"beta1": 0.9, "beta2": 0.99, **OF_THE_METHOD}
"""Of its paper: with AdamW's it would forget too slowly."""
ADAFACTOR_S: Mapping[str, float | None] = {"eps": 1e-30, **OF_THE_METHOD}

QUANTIZED_BYTES = 1 + 4 / 256
"""Of a value in 8 bits: a byte, and a scale in fp32 for every 256."""

OPTIMIZERS = {
    "adamw": OptimizerFacts(
        "AdamW", title="AdamW", summary="the usual one", builds="torch.optim.AdamW",
        options=ADAMW_S, state_bytes=8,
    ),
    "prodigy": OptimizerFacts(
        "Prodigy", title="Prodigy", builds="pytorch_optimizer.Prodigy", package="pytorch_optimizer",
        summary="finds the learning rate itself and multiplies it by those of the settings, usually 1",
        options=ADAMW_S, state_bytes=16, step_bytes=4, learning_rate="multiplier",
        keeps=("d", "d_max", "d_hat", "d_numerator", "d_de_nom", "step"), steps_alone=False,
        arguments={"bias_correction": True, "safeguard_warmup": True},  # as its authors advise for diffusion models
    ),
    "adamw_schedule_free": OptimizerFacts(
        "AdamWScheduleFree", title="AdamW, schedule-free", builds="pytorch_optimizer.ScheduleFreeAdamW",
        package="pytorch_optimizer", summary="averages weights instead of lowering the learning rate towards the end",
        options=ADAMW_S, state_bytes=8, step_bytes=8, above_0=("beta1",),
        averages=True, keeps=("weight_sum", "lr_max", "step"),
    ),
    "lion": OptimizerFacts(
        "Lion", title="Lion", builds="pytorch_optimizer.Lion", package="pytorch_optimizer",
        summary="steps by the sign of its only moment, so with a fifth of AdamW's learning rate",
        options=LION_S, state_bytes=4, step_bytes=4, keeps=("step",), learning_rate_share=0.2,
    ),
    "stable_adamw": OptimizerFacts(
        "StableAdamW", title="StableAdamW", builds="pytorch_optimizer.StableAdamW", package="pytorch_optimizer",
        summary="AdamW that makes steps shorter where gradients suddenly grow, in place of gradient clipping",
        options=ADAMW_S, state_bytes=8, step_bytes=4, keeps=("step",),
    ),
    "adopt": OptimizerFacts(
        "Adopt", title="ADOPT", builds="pytorch_optimizer.ADOPT", package="pytorch_optimizer",
        summary="AdamW that divides a gradient by earlier ones alone, and so does not depend on beta2",
        options={"beta1": 0.9, "beta2": 0.9999, "eps": 1e-6, **OF_THE_METHOD},  # of the paper
        state_bytes=8, step_bytes=8, keeps=("step",), arguments={"weight_decouple": True},
    ),
    "adan": OptimizerFacts(
        "Adan", title="Adan", builds="pytorch_optimizer.Adan", package="pytorch_optimizer",
        summary="AdamW that looks ahead by how gradients change, in twice its VRAM",
        options={"beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8, **OF_THE_METHOD},  # of the paper
        state_bytes=16, step_bytes=4, keeps=("step",),
    ),
    "ademamix": OptimizerFacts(
        "AdEMAMix", title="AdEMAMix", builds="pytorch_optimizer.AdEMAMix", package="pytorch_optimizer",
        summary="AdamW with a second, slow moment, for runs of many thousand steps",
        options={**ADAMW_S, "beta3": 0.9999}, state_bytes=12, step_bytes=8,
        keeps=("step",), arguments={"alpha": 5.0, "weight_decouple": True},  # of the paper, as is the third beta
    ),
    "adafactor": OptimizerFacts(
        "AdafactorImplementation", title="Adafactor", builds="sd_finetune.optimizers.adafactor.Adafactor",
        summary="takes hardly any VRAM, but has no first moment", options=ADAFACTOR_S, state_bytes=0.01,
    ),
    "adafactor_relative": OptimizerFacts(
        "AdafactorRelative", title="Adafactor, own schedule", builds="sd_finetune.optimizers.adafactor.Adafactor",
        summary="adafactor that steps by a share of each weight's size, 1 % and later less, which is multiplied by the "
        "learning rates of the settings, usually 1",
        options=ADAFACTOR_S, state_bytes=0.01, learning_rate="share", keeps=("steps",),
        arguments={"relative_step": True},
    ),
    "came": OptimizerFacts(
        "CameImplementation", title="CAME", builds="sd_finetune.optimizers.came.Came",
        summary="adafactor with a first moment, in half of AdamW's VRAM; its first steps are the longest: use a warmup",
        options={"beta1": 0.9, "beta2": 0.999, "beta3": 0.9999, **ADAFACTOR_S},  # of the paper
        state_bytes=4.02, learning_rate_share=0.2,
    ),
    "adamw8bit": OptimizerFacts(
        "AdamW8bit", title="AdamW 8-bit", summary="AdamW in a quarter of its VRAM", package="bitsandbytes",
        builds="bitsandbytes.optim.AdamW8bit", options=ADAMW_S,
        state_bytes=2 * QUANTIZED_BYTES, without_gpu_from=(0, 50), keeps_layout=False,
    ),
    "paged_adamw8bit": OptimizerFacts(
        "PagedAdamW8bit", title="AdamW 8-bit, paged", package="bitsandbytes",
        summary="adamw8bit that moves its state into RAM while VRAM is short",
        builds="bitsandbytes.optim.PagedAdamW8bit", options=ADAMW_S,
        state_bytes=2 * QUANTIZED_BYTES, without_gpu_from=(0, 50), keeps_layout=False,
    ),
    "lion8bit": OptimizerFacts(
        "Lion8bit", title="Lion 8-bit", builds="bitsandbytes.optim.Lion8bit", package="bitsandbytes",
        summary="steps by the sign of its moment, in still less VRAM",
        options=LION_S, state_bytes=QUANTIZED_BYTES, without_gpu_from=(0, 50), keeps_layout=False,
        learning_rate_share=0.2,
    ),
}  # fmt: skip

LEAST_MULTIPLIER = 0.01
"""Whoever asks for less than this share of the learning rate that is found means an absolute learning rate."""


def auto_text(option: str) -> str:
    """What "auto" is for a number of the group [optimizer], and which optimizers have it, for its help."""
    having: dict[float | None, list[str]] = {}
    for name in optimizers_with(option):
        having.setdefault(OPTIMIZERS[name].options[option], []).append(name)
    usual, *others = sorted(having, key=lambda value: -len(having[value]))
    values = [f"auto = {usual:g}", *(f"{value:g} with {', '.join(having[value])}" for value in others)]
    lacking = [name for name in OPTIMIZERS if name not in optimizers_with(option)]
    users = f"not for {', '.join(lacking)}" if len(lacking) < len(OPTIMIZERS) / 2 else ""
    return "; ".join([", ".join(values), users or f"only for {', '.join(optimizers_with(option))}"])


def optimizers_with(option: str) -> tuple[str, ...]:
    """The optimizers that use an option of the group [optimizer]."""
    return tuple(name for name, facts in OPTIMIZERS.items() if option in facts.options)


def optimizer_help() -> str:
    """What each choice is, for the help of `optimizer.name`."""
    return "; ".join(["the optimizer", *(f"{name} = {_summary(facts)}" for name, facts in OPTIMIZERS.items())])


def _summary(facts: OptimizerFacts) -> str:
    return f"{facts.summary} (needs the package {facts.package})" if facts.package else facts.summary
