"""The loss of one batch: the arithmetic of a training step, without optimizer, data or logging."""

from __future__ import annotations

from torch import Tensor

from ..diffusion.loss import LossParts, combine_with_prior, loss_per_sample, min_snr_weights
from ..diffusion.noising import add_noise, training_target
from ..models.parts import ModelParts
from ..settings.options import Settings
from .batches import Batch


def losses_of(parts: ModelParts, batch: Batch, context: Tensor, snr_gamma: float) -> Tensor:
    """The weighted loss of each sample, (batch,). context: (batch, 77, context width)."""
    noisy = add_noise(batch.latents, batch.noise, batch.timesteps, parts.alphas_cumprod)
    target = training_target(batch.latents, batch.noise, batch.timesteps, parts.alphas_cumprod, parts.prediction_type)
    predicted = parts.unet(noisy.to(parts.unet.dtype), batch.timesteps, context.to(parts.unet.dtype)).sample
    losses = loss_per_sample(predicted, target)
    if snr_gamma:
        losses = losses * min_snr_weights(batch.timesteps, parts.alphas_cumprod, snr_gamma, parts.prediction_type)
    return losses


def loss_of(parts: ModelParts, batch: Batch, context: Tensor, settings: Settings) -> LossParts:
    """The batch's share of the optimizer step's loss and of its instance and prior parts."""
    losses = losses_of(parts, batch, context, settings.train.snr_gamma)
    return combine_with_prior(losses, batch.is_class, settings.prior_weight(), batch.instance_count, batch.class_count)
