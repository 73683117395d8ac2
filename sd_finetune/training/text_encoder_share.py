"""Text encoders that are trained in the first steps only, and then stay as they are."""

from __future__ import annotations

from ..settings.methods import rate_of
from .state import Training, text_modules


def stop_text_encoders_when_due(training: Training, step: int) -> None:
    """Train text encoders no more if their share of the run ends before `step`, counted from 0, which comes next."""
    train = training.settings.train
    if not train.train_text_encoder or training.text_encoders_stay:
        return
    if step >= max(1, round(train.text_encoder_share * training.total_steps)):
        stop_text_encoders(training)


def stop_text_encoders(training: Training) -> None:
    """Train text encoders no more."""
    training.text_encoders_stay = True
    for module in text_modules(training.model, training.method):
        module.eval().requires_grad_(False)
    training.conditioning.stop_training()
    training.gradients.forget()  # what was recorded goes on to the text encoders


def trains(training: Training, part: str) -> bool:
    """Whether what is named `part` among the groups of parameters still learns."""
    return not (training.text_encoders_stay and rate_of(part) == "text_encoder_learning_rate")
