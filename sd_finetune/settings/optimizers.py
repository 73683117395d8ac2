"""The optimizers there are: what implements each, how its learning rate is meant, what it takes and what it keeps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
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
    options: tuple[str, ...]
    """The options of the group [optimizer] that it uses."""
    state_bytes: float
    """Bytes of state for each trained parameter in fp32, beside the weight and its gradient."""
    learning_rate: Literal["absolute", "multiplier"] = "absolute"
    """Multiplier: it finds one learning rate for all that is trained, which the one asked for multiplies."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it is always built with, beside the options."""
    keeps: tuple[str, ...] = ()
    """What changes in its param_groups while training, so that a snapshot needs it beside the state."""
    above_0: tuple[str, ...] = ()
    """Options that it cannot take as 0."""
    package: str = ""
    """The package that it needs beside torch, by the name that both `import` and pip know it by."""


OPTIMIZERS = {
    "adamw": OptimizerFacts(
        "AdamW", title="AdamW", summary="the usual one", builds="torch.optim.AdamW",
        options=("beta1", "beta2", "eps", "weight_decay"), state_bytes=8,
    ),
    "prodigy": OptimizerFacts(
        "Prodigy", title="Prodigy", builds="pytorch_optimizer.Prodigy", package="pytorch_optimizer",
        summary="finds the learning rate itself and multiplies it by those of the settings, usually 1",
        options=("beta1", "beta2", "eps", "weight_decay"), state_bytes=16, learning_rate="multiplier",
        keeps=("d", "d_max", "d_hat", "d_numerator", "d_de_nom", "step"),
        arguments={"bias_correction": True, "safeguard_warmup": True},  # as its authors advise for diffusion models
    ),
    "adamw_schedule_free": OptimizerFacts(
        "AdamWScheduleFree", title="AdamW, schedule-free", builds="pytorch_optimizer.ScheduleFreeAdamW",
        package="pytorch_optimizer", summary="averages weights instead of lowering the learning rate towards the end",
        options=("beta1", "beta2", "eps", "weight_decay"), state_bytes=8, above_0=("beta1",),
        keeps=("weight_sum", "lr_max", "step"),
    ),
}  # fmt: skip

LEAST_MULTIPLIER = 0.01
"""Whoever asks for less than this share of the learning rate that is found means an absolute learning rate."""


def optimizer_help() -> str:
    """What each choice is, for the help of `optimizer.name`."""
    return "; ".join(["the optimizer", *(f"{name} = {_summary(facts)}" for name, facts in OPTIMIZERS.items())])


def default_learning_rate(name: str, method_s: float | None) -> float:
    """What stands for a learning rate of 0 with optimizer `name`; method_s: the method's own, None = not trained."""
    if method_s is None:
        return 0.0
    return 1.0 if OPTIMIZERS[name].learning_rate == "multiplier" else method_s


def missing_package(name: str) -> str:
    """The sentence that refuses optimizer `name` while its package is not installed; empty where none is missing."""
    package = OPTIMIZERS[name].package
    if not package or find_spec(package) is not None:
        return ""
    command = f"{sys.executable or 'python'} -m pip install {package}"
    needs = f'optimizer.name = "{name}" needs the package {package}, which is not installed'
    return f"{needs}: run {command}, or choose another optimizer."


def _summary(facts: OptimizerFacts) -> str:
    return f"{facts.summary} (needs pip install {facts.package})" if facts.package else facts.summary
