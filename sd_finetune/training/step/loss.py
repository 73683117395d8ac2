"""The loss of one batch: the arithmetic of a training step, without optimizer, data or logging."""

from __future__ import annotations

from torch import Tensor

from ...diffusion.loss import LossParts, combine_with_prior, loss_per_sample, min_snr_weights
from ...diffusion.noising import add_noise, training_target, with_prior_targets
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...settings.options import Settings
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
    snr_gamma: float,
    prior_targets: Tensor | None = None,
) -> Tensor:
    """The weighted loss of each sample, (batch,).

    prior_targets: the targets of class examples, instead of noise or v.
    """
    target = training_target(batch.latents, batch.noise, batch.timesteps, model.alphas_cumprod, model.prediction_type)
    if prior_targets is not None:
        target = with_prior_targets(target, prior_targets)
    predicted = predictions_of(model, batch.latents, batch.noise, batch.timesteps, conditioning)
    losses = loss_per_sample(predicted, target)
    if snr_gamma:
        losses = losses * min_snr_weights(batch.timesteps, model.alphas_cumprod, snr_gamma, model.prediction_type)
    return losses


def loss_of(
    model: DiffusionModel,
    batch: Batch,
    conditioning: TextConditioning,
    settings: Settings,
    prior_targets: Tensor | None = None,
) -> LossParts:
    """The batch's share of the optimizer step's loss and of its instance and prior parts."""
    losses = losses_of(model, batch, conditioning, settings.train.snr_gamma, prior_targets)
    return combine_with_prior(
        losses, batch.class_rows, settings.prior_weight(), batch.instance_count, batch.class_count
    )
