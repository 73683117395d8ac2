"""How much each timestep counts in the loss, by its signal-to-noise ratio."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .noising import PredictionType
from .schedule import signal_to_noise_ratio

TimestepWeights = Literal["min_snr", "soft_min_snr", "debiased"]


def timestep_weights(
    timesteps: Tensor,
    alphas_cumprod: Tensor,
    kind: TimestepWeights,
    snr_gamma: float,
    prediction_type: PredictionType,
) -> Tensor | None:
    """The weights of these timesteps, (batch,), float32; None where all count the same, as with a gamma of 0."""
    if kind == "debiased":
        return debiased_weights(timesteps, alphas_cumprod, prediction_type)
    if not snr_gamma:
        return None
    of_kind = min_snr_weights if kind == "min_snr" else soft_min_snr_weights
    return of_kind(timesteps, alphas_cumprod, snr_gamma, prediction_type)


def min_snr_weights(
    timesteps: Tensor, alphas_cumprod: Tensor, snr_gamma: float, prediction_type: PredictionType
) -> Tensor:
    """Min-SNR-gamma weights, (batch,) (arXiv 2303.09556, section 3.4).

    min(SNR, gamma) / SNR for epsilon, min(SNR, gamma) / (SNR + 1) for v.
    """
    snr = signal_to_noise_ratio(alphas_cumprod, timesteps).float()
    if prediction_type == "epsilon":
        return (snr_gamma / snr).clamp(max=1)  # 1 where there is no signal at all
    return snr.clamp(max=snr_gamma) / (snr + 1)


def soft_min_snr_weights(
    timesteps: Tensor, alphas_cumprod: Tensor, snr_gamma: float, prediction_type: PredictionType
) -> Tensor:
    """Soft-min-SNR weights, (batch,) (arXiv 2401.11605, "soft-min-snr").

    1 / (1 / SNR + 1 / gamma) of the predicted image instead of min(SNR, gamma): gamma / (SNR + gamma) for epsilon,
    gamma SNR / ((SNR + gamma) (SNR + 1)) for v.
    """
    snr = signal_to_noise_ratio(alphas_cumprod, timesteps).float()
    of_epsilon = snr_gamma / (snr + snr_gamma)
    return of_epsilon if prediction_type == "epsilon" else of_epsilon * (snr / (snr + 1))


def debiased_weights(timesteps: Tensor, alphas_cumprod: Tensor, prediction_type: PredictionType) -> Tensor:
    """Debiased estimation, (batch,) (arXiv 2310.08442): 1 / sqrt(SNR) for epsilon.

    For v the same loss, of which v's own is SNR / (SNR + 1): sqrt(SNR) / (SNR + 1).
    """
    snr = signal_to_noise_ratio(alphas_cumprod, timesteps).float()
    return snr.rsqrt() if prediction_type == "epsilon" else snr.sqrt() / (snr + 1)
