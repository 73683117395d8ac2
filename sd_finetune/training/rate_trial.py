"""Tries learning rates that rise from step to step: what is learned is thrown away."""

from __future__ import annotations

from ..runs.messages import Done, Phase, Trial
from ..runs.rate_trial import has_diverged
from ..settings.rate_trial import main_part, rate_of_step
from .loop import begin_step, learn
from .state import Training, evaluating

NAME = "trying learning rates"


def try_rates(training: Training) -> Done:
    """Train with the learning rates of `rate_of_step` until training diverges; returns the event that ends the run.

    Raises:
        StopAsked: it was told to stop.
    """
    settings, total = training.settings, training.total_steps
    asked, losses = settings.rates(main_part(settings)).first, list[float]()
    for step in range(total):
        training.events.append(Phase(name=NAME, done=step, total=total))
        rate = rate_of_step(settings, step, total)
        begin_step(training, step, rate / asked)
        learn(training, step)
        losses.append(_evaluation_loss(training))
        training.events.append(Trial(step=step + 1, learning_rate=rate, loss=losses[-1]))
        if has_diverged(losses):
            break
    return Done(step=len(losses), outcome="finished")


def _evaluation_loss(training: Training) -> float:
    assert training.evaluation is not None
    with evaluating(training), training.accelerator.autocast():
        return training.evaluation.loss(training.conditioning, training.orders.check)
