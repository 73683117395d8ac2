"""The groups [optimizer] and [schedule]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Duration
from ..methods import defaults_text
from ..optimizers import OPTIMIZERS, optimizer_help
from ..option import option

OPTIMIZER_TITLES = {name: facts.title for name, facts in OPTIMIZERS.items()}


@dataclass(frozen=True)
class Optimizer:
    """How weights are updated from their gradients."""

    name: str = option("adamw", optimizer_help(), choices=tuple(OPTIMIZERS), titles=OPTIMIZER_TITLES)
    beta1: float = option(0.9, "Adam β1, decay of the first moment", minimum=0, maximum=0.99999)
    beta2: float = option(0.999, "Adam β2, decay of the second moment", minimum=0, maximum=0.99999)
    eps: float = option(1e-8, "Adam ε, added to the denominator for numerical stability", minimum=1e-12, maximum=1)
    weight_decay: float | None = option(
        None, f"decoupled weight decay; {defaults_text('weight_decay', 'auto')}", minimum=0
    )


@dataclass(frozen=True)
class Schedule:
    """How learning rates change during a run."""

    name: str = option("constant", "learning-rate schedule after warmup", choices=("constant", "cosine"))
    warmup: Duration = option(
        Duration(0), "length of the warmup, over which learning rates rise linearly from 0", minimum=0
    )
