"""The loss of one batch: the arithmetic of a training step, without optimizer, data or logging."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ...diffusion.errors import HuberSchedule, LossType, cost_of_errors, huber_deltas
from ...diffusion.loss import Cost, LossParts, combine_with_prior, held_outside, loss_per_sample, weights_of_mask
from ...diffusion.noising import add_noise, training_target, with_prior_targets
from ...diffusion.timestep_weights import TimestepWeights, timestep_weights
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...settings.options import Loss, Masks, Settings
from .batches import Batch


def predictions_of(
    model: DiffusionModel, latents: Tensor, noise: Tensor, timesteps: Tensor, conditioning: TextConditioning
) -> Tensor:
    """The UNet's predictions for the noisy latents, (batch, 4, height/8, width/8)."""
    noisy = add_noise(latents, noise, timesteps, model.alphas_cumprod)
    return model.predict(noisy, timesteps, conditioning)


def cost_of(loss: Loss, timesteps: Tensor, alphas_cumprod: Tensor) -> Cost:
    """What errors of samples at these timesteps cost, by the settings."""
    if loss.type == "mse":
        return torch.square
    deltas = huber_deltas(timesteps, alphas_cumprod, loss.huber_delta, cast(HuberSchedule, loss.delta_schedule))

    def cost(errors: Tensor) -> Tensor:
        return cost_of_errors(errors, cast(LossType, loss.type), deltas[: len(errors)])

    return cost


def weights_of(settings: Settings, timesteps: Tensor, model: DiffusionModel) -> Tensor | None:
    """How much each timestep counts, by the settings; None where all count the same."""
    kind, gamma = cast(TimestepWeights, settings.loss.timestep_weights), settings.train.snr_gamma
    return timestep_weights(timesteps, model.alphas_cumprod, kind, gamma, model.prediction_type)


def losses_of(
    model: DiffusionModel,
    batch: Batch,
    conditioning: TextConditioning,
    masks: Masks,
    loss: Loss,
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
    predicted = predictions_of(model, batch.latents, batch.shown_noise, batch.timesteps, conditioning)
    cost = cost_of(loss, batch.timesteps, model.alphas_cumprod)
    if batch.masks is None:
        return loss_per_sample(predicted, target, cost=cost)
    weights = weights_of_mask(batch.masks, masks.outside_weight)
    losses = loss_per_sample(predicted, target, weights, masks.normalize, cost)
    if outside_targets is None:
        return losses
    own = batch.instance_rows
    held = held_outside(predicted[:own], outside_targets, batch.masks[:own], masks.normalize, cost)
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
    losses = losses_of(model, batch, conditioning, settings.masks, settings.loss, prior_targets, outside_targets)
    weights = weights_of(settings, batch.timesteps, model)
    if weights is not None:
        losses = losses * weights
    prior_weight = settings.prior_weight() if batch.prior_weight is None else batch.prior_weight
    return combine_with_prior(losses, batch.class_rows, prior_weight, batch.instance_count, batch.class_count)
