"""The loss of one batch: the arithmetic of a training step, without optimizer, data or logging."""

from __future__ import annotations

import torch
from torch import Tensor

from ...diffusion.loss import (
    LossParts,
    combine_with_prior,
    held_outside,
    loss_per_sample,
    min_snr_weights,
    weights_of_mask,
)
from ...diffusion.noising import add_noise, training_target, with_prior_targets
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...settings.options import Masks, Settings
from .batches import Batch


def predictions_of(
    model: DiffusionModel, latents: Tensor, noise: Tensor, timesteps: Tensor, conditioning: TextConditioning
) -> Tensor:
    """The UNet's predictions for the noisy latents, (batch, 4, height/8, width/8)."""
    noisy = add_noise(latents, noise, timesteps, model.alphas_cumprod)
    return model.predict(noisy, timesteps, conditioning)


def losses_of(
    model: DiffusionModel,
    batch: Batch,
    conditioning: TextConditioning,
    masks: Masks,
    prior_targets: Tensor | None = None,
    outside_targets: Tensor | None = None,
) -> Tensor:
    """The loss of each sample, (batch,), of what its mask shows.

    prior_targets: the targets of class examples, instead of noise or v. outside_targets: those of training images
    outside of their masks.
    """
    target = training_target(batch.latents, batch.noise, batch.timesteps, model.alphas_cumprod, model.prediction_type)
    if prior_targets is not None:
        target = with_prior_targets(target, prior_targets)
    predicted = predictions_of(model, batch.latents, batch.noise, batch.timesteps, conditioning)
    if batch.masks is None:
        return loss_per_sample(predicted, target)
    losses = loss_per_sample(predicted, target, weights_of_mask(batch.masks, masks.outside_weight), masks.normalize)
    if outside_targets is None:
        return losses
    own = batch.instance_rows
    held = held_outside(predicted[:own], outside_targets, batch.masks[:own], masks.normalize)
    return torch.cat([losses[:own] + masks.prior_weight * held, losses[own:]])


def loss_of(
    model: DiffusionModel,
    batch: Batch,
    conditioning: TextConditioning,
    settings: Settings,
    prior_targets: Tensor | None = None,
    outside_targets: Tensor | None = None,
) -> LossParts:
    """The batch's share of the optimizer step's loss and of its instance and prior parts.

    Targets as in `losses_of`; what is held outside of masks belongs to the instance part.
    """
    losses = losses_of(model, batch, conditioning, settings.masks, prior_targets, outside_targets)
    gamma = settings.train.snr_gamma
    if gamma:
        losses = losses * min_snr_weights(batch.timesteps, model.alphas_cumprod, gamma, model.prediction_type)
    return combine_with_prior(
        losses, batch.class_rows, settings.prior_weight(), batch.instance_count, batch.class_count
    )
