"""The groups [optimizer] and [schedule]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Duration
from ..methods import defaults_text, methods_with
from ..optimizers import OPTIMIZERS, auto_text, optimizer_help
from ..option import option
from ..schedules import SCHEDULES, schedule_help, used_by

OPTIMIZER_TITLES = {name: facts.title for name, facts in OPTIMIZERS.items()}
SCHEDULE_TITLES = {name: facts.title for name, facts in SCHEDULES.items()}
MOST_BETA = 0.99999


@dataclass(frozen=True)
class Optimizer:
    """How weights are updated from their gradients."""

    name: str = option("adamw", optimizer_help(), choices=tuple(OPTIMIZERS), titles=OPTIMIZER_TITLES)
    beta1: float | None = option(
        None, f"β1, decay of the first moment; {auto_text('beta1')}", minimum=0, maximum=MOST_BETA
    )
    beta2: float | None = option(
        None,
        f"β2, decay of the second moment, or of what the optimizer's paper names so; {auto_text('beta2')}",
        minimum=0,
        maximum=MOST_BETA,
    )
    beta3: float | None = option(
        None,
        f"β3, decay of what an optimizer with three betas keeps beside two moments; {auto_text('beta3')}",
        minimum=0,
        maximum=MOST_BETA,
    )
    eps: float | None = option(
        None,
        f"ε, added to the denominator, or to squared gradients, for numerical stability; {auto_text('eps')}",
        minimum=1e-30,
        maximum=1,
    )
    weight_decay: float | None = option(
        None,
        "decoupled weight decay of matrices and kernels, and of embeddings that are trained alone; "
        f"{defaults_text('weight_decay', 'auto')}",
        minimum=0,
    )
    decay_all: bool = option(
        False,
        "weight decay of biases, norms and token embeddings too, which it mostly harms",
        methods=methods_with("decays_all"),
    )


@dataclass(frozen=True)
class Schedule:
    """How learning rates change during a run."""

    name: str = option("constant", schedule_help(), choices=tuple(SCHEDULES), titles=SCHEDULE_TITLES)
    warmup: Duration = option(
        Duration(0), "length of the warmup, over which learning rates rise linearly from 0", minimum=0
    )
    cycles: int = option(
        2,
        f"how often the cosine is run through, 1 = no restart; all cycles are equally long ({used_by('cycles')})",
        minimum=1,
        maximum=1000,
    )
    power: float = option(
        2.0,
        f"power of the polynomial: 1 = linear, above 1 falls faster at first and slower later ({used_by('power')})",
        minimum=0.1,
        maximum=10,
    )
    start: float = option(
        0.04,
        f"learning rate of the first step as a share of the full one; torch's 1 / div_factor ({used_by('start')})",
        minimum=0.0001,
        maximum=1,
    )
    rise: float = option(
        0.3,
        f"share of the steps over which the learning rate rises; torch's pct_start ({used_by('rise')})",
        minimum=0,
        maximum=0.99,
    )
    decay: float = option(
        0.2,
        f"share of the steps after warmup, at their end, over which the learning rate falls ({used_by('decay')})",
        minimum=0.001,
        maximum=1,
    )
    end: float = option(
        0.0,
        f"floor that learning rates fall to, as a share of the full ones: 0.1 = a tenth ({used_by('end')})",
        minimum=0,
        maximum=1,
    )
