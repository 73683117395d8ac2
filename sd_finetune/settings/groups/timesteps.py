"""The group [timesteps]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option

MOST = 999
"""Of the 1,000 timesteps of Stable Diffusion, counted from 0 = next to no noise."""


@dataclass(frozen=True)
class Timesteps:
    """How much noise images are trained with: timestep 0 is next to none, 999 next to nothing else."""

    smallest: int = option(
        0,
        "smallest timestep that is trained; higher = details, which are made at low noise, are not learned",
        minimum=0,
        maximum=MOST,
    )
    largest: int = option(
        MOST,
        "largest timestep that is trained; lower = the composition, which is made at high noise, is not learned",
        minimum=0,
        maximum=MOST,
    )
    distribution: str = option(
        "uniform",
        "how often each of them is drawn: uniform = all as often; logit_normal = those around the logit mean more "
        "often (arXiv 2403.03206); low_noise = the less often the more noise, in proportion to what is left to the "
        "largest, as few images are overfitted at high noise first (T-LoRA, arXiv 2507.05964)",
        choices=("uniform", "logit_normal", "low_noise"),
        titles={"logit_normal": "logit-normal", "low_noise": "towards low noise"},
    )
    logit_mean: float = option(
        0.0,
        "where the logit-normal distribution has its middle: 0 = halfway, below 0 = towards low noise and details, "
        "above 0 = towards high noise and composition",
        minimum=-5,
        maximum=5,
    )
    logit_std: float = option(
        1.0,
        "how wide the logit-normal distribution is: less = more around its middle",
        minimum=0.01,
        maximum=5,
    )
