"""The one training loop, for every method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from ..diffusion.loss import LossParts
from ..errors import CannotWriteError
from ..optimizers.build import set_learning_rates
from ..optimizers.optimizer import Rate
from ..optimizers.schedules import learning_rate_factor
from ..runs.messages import NOBODY_FOLLOWS, Done, Evaluation, Phase, Warning_
from .orders import ProcessLost, StopAsked, ended_early
from .out_of_vram import phase_of_vram
from .output.keeping import Keeper
from .output.not_finite import refuse_broken_weights
from .output.samples import generate_samples
from .processes.processes import StepToDo
from .settled import settled
from .shares import stop_parts_when_due, trains
from .state import Training, evaluating
from .step.batches import Batch, with_prior_weight
from .step.randomness import seed_dropout
from .step_reports import StepReports


class Settled(Exception):
    """The evaluation loss has settled, which is to end the run."""


def train(training: Training) -> Done:
    """Train from `training.first_step` to the end or until told to stop; returns the event that ends the run.

    Raises:
        UserError: the run cannot go on, or its result cannot be saved; NotFiniteError where numbers are not finite.
    """
    keeper, reports, _ = Keeper(training), StepReports(training), training.intervals
    try:
        return _train(training, keeper, reports)
    except StopAsked:
        reports.wait()
        return _stopped(training, keeper)
    except Settled as told:
        reports.wait()
        done = _stopped(training, keeper)
        return replace(done, reason=f"{told} {done.reason}".strip())
    except ProcessLost:
        if training.step > training.first_step:
            keeper.snapshot(training.step)
        raise


def _train(training: Training, keeper: Keeper, reports: StepReports) -> Done:
    settings, total = training.settings, training.total_steps
    training.events.append(Phase(name="training", done=training.first_step, total=total))
    if training.first_step == 0:
        _show(training, 0, draw=settings.samples.at_start, evaluate=True)
    if training.first_step == total:  # it was all learned, and then the result could not be saved
        keeper.save(total, final=True)
    for step in range(training.first_step, total):
        reports.begin()
        stop_parts_when_due(training, step)
        rates = begin_step(training, step, _factors(training, step))
        losses, images = learn(training, step)
        training.step = step + 1
        reports.add(step, losses, rates, images)
        _after_step(training, keeper, reports)
    return Done(step=total, outcome="finished", reason=keeper.diverged)


def begin_step(training: Training, step: int, factors: float | Mapping[str, float]) -> dict[str, Rate]:
    """Have all processes of the run begin a step, counted from 0, at so many times the learning rates asked for.

    factors, and what is returned: as in `set_learning_rates`.
    """
    training.processes.tell(StepToDo(step, factors, sorted(training.parts_that_stay)))
    return set_learning_rates(training.optimizer, training.settings.optimizer.name, factors)


def learn(training: Training, step: int) -> tuple[LossParts, int]:
    """Do a step, counted from 0, at the learning rates that are set: its losses, and how many images it was shown."""
    losses, images, learns = _zero_losses(training), 0, False
    seed_dropout(training.settings.train.seed, step, training.processes.number)
    training.updates.begin(step)
    for batches in _batches(training, step):
        training.orders.check()
        training.orders.settle()
        learned = training.gradients.of(*batches)  # prompts, forward, loss, backward
        losses = LossParts(*(whole + part for whole, part in zip(losses, learned.losses, strict=True)))
        images, learns = batches[0].instance_count + batches[0].class_count, learns or learned.learns
    losses, learns = training.processes.summed(losses, learns, training.updates.parameters)
    if learns:
        training.updates.finish()  # clipping, optimizer
        training.method.after_step()
        if training.average:
            training.average.follow(step + 1)
    return losses, images


def _batches(training: Training, step: int) -> Iterator[Sequence[Batch]]:
    """The batches of a step, by backward passes: there is one alone where that changes the weights."""
    settings, steps_per_epoch = training.settings, training.batches.steps_per_epoch
    each = (with_prior_weight(b, settings, step, steps_per_epoch) for b in training.batches.of_step(step))
    return iter([list(each)]) if settings.train.fused_backward else ([batch] for batch in each)


def _factors(training: Training, step: int) -> dict[str, float]:
    """What multiplies the learning rates asked for in a step, by group: warmup and schedule."""
    settings = training.settings
    factor = learning_rate_factor(settings.schedule, step, training.total_steps, training.warmup_steps)
    parts = [group["name"] for group in training.optimizer.param_groups]
    return {part: factor * settings.rates(part).share(step) * trains(training, part) for part in parts}


def _zero_losses(training: Training) -> LossParts:
    zero = torch.zeros((), device=training.model.unet.device)
    return LossParts(zero, zero, zero)


def _stopped(training: Training, keeper: Keeper) -> Done:
    """Save what was learned since the run began or was resumed; a step that is not complete does not count."""
    step = training.step
    if step == training.first_step:
        return ended_early(training.run, training.orders)
    refuse_broken_weights(training, step)
    alone = training.orders.alone
    if alone and keeper.snapshot(step):
        return Done(step=step, outcome="stopped", reason=f"{NOBODY_FOLLOWS} after saving a snapshot.")
    keeper.save(step, final=True)
    keeper.snapshot(step)
    told = f"{NOBODY_FOLLOWS} after saving the result." if alone else ""
    return Done(step=step, outcome="stopped", reason=f"{told} {keeper.diverged}".strip())


def _after_step(training: Training, keeper: Keeper, reports: StepReports) -> None:
    """What is due after `training.step` steps, by the settings or by command. Raises StopAsked when told to stop."""
    settings, step = training.settings, training.step
    last = step == training.total_steps
    commands = training.orders.new(may_stop=not last, before_a_pause=reports.wait)
    is_due = training.intervals.is_due
    asks_for_samples = is_due("samples", settings.samples.every, step) or "sample" in commands or last
    draw = asks_for_samples and bool(settings.samples.prompts)
    save = is_due("result", settings.output.save_every, step) or "save" in commands or last
    evaluate = training.evaluation is not None and (is_due("evaluation", settings.evaluation.every, step) or last)
    snapshot = keeper.snapshot_is_due(step)
    if draw or save or evaluate or snapshot:
        reports.wait()
    if draw or save or snapshot:
        refuse_broken_weights(training, step)
    try:
        _show(training, step, draw=draw, evaluate=evaluate)
    except StopAsked:
        if not last:  # else it is finished without the rest of its samples
            save = False  # what stopping saves is the same
            raise
    except Exception:
        keeper.snapshot(step)
        raise
    finally:  # a sample that fails must not lose what was trained
        if save:
            keeper.save(step, final=last)
    if snapshot:
        keeper.snapshot(step)
    reason = settled(training) if evaluate and not last else ""
    if reason:
        raise Settled(reason)


def _show(training: Training, step: int, draw: bool, evaluate: bool) -> None:
    """Draw the samples and compute the evaluation loss, each if asked and if the settings have it."""
    if not (draw or evaluate):
        return
    with evaluating(training):
        if evaluate and training.evaluation is not None:
            with training.accelerator.autocast():
                loss = training.evaluation.loss(training.conditioning, training.orders.check)
            if training.settings.evaluation.stop_below:
                training.evaluated[step] = loss
            training.events.append(Evaluation(step=step, loss=loss))
        if draw:
            training.gradients.forget()  # of which drawing needs the VRAM
            with phase_of_vram("samples"):
                _draw(training, step)


def _draw(training: Training, step: int) -> None:
    """Generate the samples; training goes on without those that cannot be written."""
    run, model, settings, check = training.run, training.model, training.settings, training.orders.check
    encode, bring_back = training.sample_conditioning, training.placement.brought_back
    try:
        for sample in generate_samples(run, model, settings, training.accelerator, step, check, encode, bring_back):
            training.events.append(sample)
    except CannotWriteError as error:
        training.events.append(Warning_(message=f"{error} Training goes on without this sample."))
