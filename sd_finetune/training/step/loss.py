"""The loss of one batch: the arithmetic of a training step, without optimizer, data or logging."""

from __future__ import annotations

from torch import Tensor

from ...diffusion.loss import LossParts, combine_with_prior, loss_per_sample, min_snr_weights
from ...diffusion.noising import add_noise, training_target, with_prior_targets
from ...families.parts import ModelParts
from ...settings.options import Settings
from .batches import Batch


def predictions_of(parts: ModelParts, latents: Tensor, noise: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    """What the UNet answers to noisy latents, (batch, 4, height/8, width/8). context: (batch, 77, context width)."""
    noisy = add_noise(latents, noise, timesteps, parts.alphas_cumprod)
    return parts.unet(noisy.to(parts.unet.dtype), timesteps, context.to(parts.unet.dtype)).sample


def losses_of(
    parts: ModelParts, batch: Batch, context: Tensor, snr_gamma: float, prior_targets: Tensor | None = None
) -> Tensor:
    """The weighted loss of each sample, (batch,).

    context: (batch, 77, context width); prior_targets: what class examples are held to instead of noise or v.
    """
    target = training_target(batch.latents, batch.noise, batch.timesteps, parts.alphas_cumprod, parts.prediction_type)
    if prior_targets is not None:
        target = with_prior_targets(target, batch.is_class, prior_targets)
    predicted = predictions_of(parts, batch.latents, batch.noise, batch.timesteps, context)
    losses = loss_per_sample(predicted, target)
    if snr_gamma:
        losses = losses * min_snr_weights(batch.timesteps, parts.alphas_cumprod, snr_gamma, parts.prediction_type)
    return losses


def loss_of(
    parts: ModelParts, batch: Batch, context: Tensor, settings: Settings, prior_targets: Tensor | None = None
) -> LossParts:
    """The batch's share of the optimizer step's loss and of its instance and prior parts."""
    losses = losses_of(parts, batch, context, settings.train.snr_gamma, prior_targets)
    return combine_with_prior(losses, batch.is_class, settings.prior_weight(), batch.instance_count, batch.class_count)
