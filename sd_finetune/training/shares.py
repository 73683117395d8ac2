"""Parts that are trained in the first steps only, and then stay as they are: text encoders, and a LoRA's new words."""

from __future__ import annotations

from ..settings.methods import rate_of
from ..settings.options import Settings
from .state import Training, text_modules

TEXT_ENCODERS = "text_encoder_learning_rate"
"""Parts are named by their learning rates, as in `settings.methods`."""


def stops(settings: Settings, total: int) -> dict[str, int]:
    """By part, the step, counted from 0, from which it is trained no more in a run of `total` steps.

    There its share of the run ends, or its learning rate falls to 0 for good (kohya's stop in steps).
    """
    shares: dict[str, float] = {}
    if settings.train.train_text_encoder:
        shares["text_encoder"] = settings.train.text_encoder_share
    if settings.has_words_beside():
        shares["embedding"] = settings.lora.new_words_share
    ends = {part: settings.rates(part).end(total) for part in shares}
    return {rate_of(part): max(1, min(round(share * total), ends[part])) for part, share in shares.items()}


def stop_parts_when_due(training: Training, step: int) -> None:
    """Train a part no more if it ends before `step`, counted from 0, which comes next."""
    for part, end in stops(training.settings, training.total_steps).items():
        if part not in training.parts_that_stay and step >= end:
            stop_part(training, part)


def stop_part(training: Training, part: str) -> None:
    """Train a part no more."""
    training.parts_that_stay.add(part)
    for group in training.method.parameter_groups():
        for parameter in group.parameters if rate_of(group.name) == part else ():
            parameter.requires_grad_(False)
    if part == TEXT_ENCODERS:
        for module in text_modules(training.model, training.method):
            module.eval()
        training.conditioning.text_encoders_stay()
    else:
        training.conditioning.words_stay()
    training.gradients.forget()  # what was recorded goes on to the part


def trains(training: Training, group: str) -> bool:
    """Whether the group of parameters of this name still learns."""
    return rate_of(group) not in training.parts_that_stay
