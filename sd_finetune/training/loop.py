"""The one training loop, for every method."""

from __future__ import annotations

import torch

from ..diffusion.loss import LossParts
from ..errors import CannotWriteError
from ..optimizers.build import set_learning_rates
from ..optimizers.schedules import learning_rate_factor
from ..runs.messages import NOBODY_FOLLOWS, Done, Error, Evaluation, Phase, Step, Warning_
from .device import memory_in_use
from .orders import StopAsked, ended_early
from .output.keeping import Keeper
from .output.not_finite import loss_not_finite, refuse_broken_weights
from .output.samples import generate_samples
from .pace import Pace
from .state import Training, evaluating
from .step.loss import loss_of
from .step.randomness import seed_dropout


def train(training: Training) -> Done | Error:
    """Train from `training.first_step` to the end or until told to stop; returns the event that ends the run."""
    keeper = Keeper(training)
    try:
        return _train(training, keeper)
    except StopAsked:
        return _stopped(training, keeper)


def _train(training: Training, keeper: Keeper) -> Done | Error:
    settings, total, pace = training.settings, training.total_steps, Pace()
    training.events.append(Phase(name="training", done=training.first_step, total=total))
    if training.first_step == 0:
        _show(training, 0, draw=settings.samples.at_start, evaluate=True)
    if training.first_step == total:  # it was all learned, and then the result could not be saved
        keeper.save(total, final=True)
    for step in range(training.first_step, total):
        pace.start()
        rates = _set_learning_rates(training, step)
        losses, images, learns = _zero_losses(training), 0, False
        seed_dropout(settings.train.seed, step)
        training.updates.begin(step)
        for batch in training.batches.of_step(step):
            training.orders.check()
            training.orders.settle()
            prior_targets = training.prior_targets(batch) if training.prior_targets else None
            with training.accelerator.autocast():
                conditioning = training.conditioning(batch.prompts)
                part = loss_of(training.model, batch, conditioning, settings, prior_targets)
            if part.total.requires_grad:  # it does not where no prompt of the batch has the new word that is learning
                training.accelerator.backward(part.total)  # with train.fused_backward weights change in here
                learns = True
            losses = LossParts(*(whole + piece.detach() for whole, piece in zip(losses, part, strict=True)))
            images += len(batch.latents)
        if learns:
            training.updates.finish()
        training.step = step + 1
        event = _step_event(training, step, losses, rates, images, pace)
        training.record(event)
        if not torch.isfinite(torch.tensor(event.loss)):
            return Error(message=loss_not_finite(training, event))
        _after_step(training, keeper)
    return Done(step=total, outcome="finished", reason=keeper.diverged)


def _set_learning_rates(training: Training, step: int) -> dict[str, float]:
    """Those that the step applies, by group: of the rates asked for, times warmup and schedule."""
    settings = training.settings
    factor = learning_rate_factor(settings.schedule.name, step, training.total_steps, training.warmup_steps)
    parts = [group["name"] for group in training.optimizer.param_groups]
    factors = {part: factor * settings.rates(part).share(step) for part in parts}
    return set_learning_rates(training.optimizer, settings.optimizer.name, factors)


def _zero_losses(training: Training) -> LossParts:
    zero = torch.zeros((), device=training.model.unet.device)
    return LossParts(zero, zero, zero)


def _step_event(
    training: Training, step: int, losses: LossParts, rates: dict[str, float], images: int, pace: Pace
) -> Step:
    total, instance, prior = (float(loss) for loss in torch.stack(losses).cpu().unbind())
    pace.stop(images)
    return Step(
        step=step + 1,
        total_steps=training.total_steps,
        epoch=step // training.batches.steps_per_epoch,
        loss=total,
        instance_loss=instance,
        prior_loss=prior if training.has_prior else None,
        learning_rates=rates,
        images_per_second=pace.images_per_second(),
        seconds_left=pace.seconds_left(training.total_steps - step - 1),
        memory_bytes=memory_in_use(training.accelerator.device),
    )


def _stopped(training: Training, keeper: Keeper) -> Done:
    """Save what was learned since the run began or was resumed; a step that is not complete does not count."""
    step = training.step
    if step == training.total_steps:  # it was stopped in its last samples
        return Done(step=step, outcome="finished", reason=keeper.diverged)
    if step == training.first_step:
        return ended_early(training.run, training.orders)
    refuse_broken_weights(training, step)
    if training.orders.alone:
        saved = "after saving a snapshot" if keeper.snapshot(step) else "and no snapshot could be saved"
        return Done(step=step, outcome="stopped", reason=f"{NOBODY_FOLLOWS} {saved}.")
    keeper.save(step, final=True)
    keeper.snapshot(step)
    return Done(step=step, outcome="stopped", reason=keeper.diverged)


def _after_step(training: Training, keeper: Keeper) -> None:
    """What is due after `training.step` steps, by the settings or by command. Raises StopAsked when told to stop."""
    settings, step = training.settings, training.step
    last = step == training.total_steps
    commands = training.orders.new(may_stop=not last)
    draw = "sample" in commands or training.is_due(settings.samples.every, step) or last
    save = last or "save" in commands or training.is_due(settings.output.save_every, step)
    snapshot = keeper.snapshot_is_due(step)
    if draw or save or snapshot:
        refuse_broken_weights(training, step)
    try:
        _show(training, step, draw=draw, evaluate=training.is_due(settings.evaluation.every, step) or last)
    except StopAsked:
        save = last  # else what stopping saves is the same
        raise
    except Exception:
        keeper.snapshot(step)
        raise
    finally:  # a sample that fails must not lose what was trained
        if save:
            keeper.save(step, final=last)
    if snapshot:
        keeper.snapshot(step)


def _show(training: Training, step: int, draw: bool, evaluate: bool) -> None:
    """Draw the samples and compute the evaluation loss, each if asked and if the settings have it."""
    if not (draw or evaluate):
        return
    with evaluating(training):
        if evaluate and training.evaluation is not None:
            with training.accelerator.autocast():
                loss = training.evaluation.loss(training.conditioning, training.orders.check)
            training.events.append(Evaluation(step=step, loss=loss))
        if draw and training.settings.samples.prompts:
            with training.placement.brought_back(["vae", *training.model.text_encoders]):
                _draw(training, step)


def _draw(training: Training, step: int) -> None:
    """Generate the samples; training goes on without those that cannot be written."""
    try:
        for sample in generate_samples(
            training.run, training.model, training.settings, training.accelerator, step, training.orders.check
        ):
            training.events.append(sample)
    except CannotWriteError as error:
        training.events.append(Warning_(message=f"{error} Training goes on without this sample."))
