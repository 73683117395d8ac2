"""The group [loss]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option


@dataclass(frozen=True)
class Loss:
    """How far predictions are from what they should be, and how much each timestep counts."""

    type: str = option(
        "mse",
        "what an error costs: mse = its square; huber = its square up to about the delta and in proportion beyond, so "
        "that a few damaged or odd images pull less; smooth_l1 = the same divided by the delta (arXiv 2403.16728); the "
        "evaluation loss stays mse, so that runs can be compared",
        choices=("mse", "huber", "smooth_l1"),
        titles={"mse": "MSE (L2)", "huber": "Huber", "smooth_l1": "smooth L1"},
    )
    huber_delta: float = option(
        0.1,
        "delta of Huber and smooth L1 where it is smallest: errors beyond it count in proportion; less = more robust, "
        "1 = close to mse",
        minimum=0.001,
        maximum=1,
    )
    delta_schedule: str = option(
        "snr",
        "how the Huber delta depends on the timestep: snr and exponential = near 1 at low noise, where details are "
        "learned, down to the delta at high noise; constant = the delta everywhere",
        choices=("constant", "snr", "exponential"),
        titles={"snr": "SNR"},
    )
    timestep_weights: str = option(
        "min_snr",
        "how much each timestep counts: min_snr (arXiv 2303.09556) and soft_min_snr, which bends instead of having a "
        "corner (arXiv 2401.11605), both with train.snr_gamma, 0 = all count the same; debiased = 1 / sqrt(SNR), more "
        "at high noise (arXiv 2310.08442)",
        choices=("min_snr", "soft_min_snr", "debiased"),
        titles={"min_snr": "min-SNR", "soft_min_snr": "soft min-SNR", "debiased": "debiased estimation"},
    )
