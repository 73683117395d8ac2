"""A trial of learning rates: a short run in which they rise from step to step until training diverges.

(Smith, arXiv 1506.01186, section 3.3: the LR range test.)
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import UserError
from .duration import Duration, Interval
from .groups.optimizer import Schedule
from .methods import METHODS, RATE_OPTIONS, rate_of
from .optimizers import OPTIMIZERS
from .options import Settings
from .rates import Rates

STEPS = 100
BELOW, ABOVE = 1e-2, 1e3
"""Where the learning rates of a trial begin and end, as multiples of the one asked for."""
HIGHEST = 1.0


def trial_settings(settings: Settings, steps: int = STEPS) -> Settings:
    """The settings of a trial of so many steps: nothing is shown or saved, and only training images are learned from.

    The evaluation loss, which does not depend on the noise of a step, is computed in every step.

    Raises:
        UserError: the optimizer finds its learning rate itself.
    """
    name = settings.optimizer.name
    if OPTIMIZERS[name].multiplies:
        raise UserError(
            f'optimizer.name = "{name}" chooses its learning rate itself, so there is none to find: leave the learning '
            "rates at auto, or choose another optimizer."
        )
    return _at_single_rates(
        replace(
            settings,
            train=replace(settings.train, length=Duration(steps), text_encoder_share=1.0),
            schedule=Schedule(),
            samples=replace(settings.samples, prompts=()),
            evaluation=replace(settings.evaluation, every=Interval(1)),
            lora=replace(settings.lora, new_words_share=1.0),
            ema=replace(settings.ema, decay=0.0),
            prior=replace(settings.prior, weight=0.0),
            output=replace(settings.output, folder="", embeddings_folder=""),
        )
    )


def _at_single_rates(settings: Settings) -> Settings:
    train, new_words = settings.train, settings.textual_inversion
    text = train.text_encoder_learning_rate
    return replace(
        settings,
        train=replace(
            train,
            unet_learning_rate=_first(train.unet_learning_rate),
            text_encoder_learning_rate=_first(text),
        ),
        textual_inversion=replace(new_words, learning_rate=_first(new_words.learning_rate)),
    )


def _first(rates: Rates | None) -> Rates | None:
    return Rates(rates.first) if rates else None


def main_part(settings: Settings) -> str:
    """The part whose learning rate a trial is about; others keep their proportion to it."""
    return "embedding" if METHODS[settings.method].learns_word else "unet"


def main_option(settings: Settings) -> str:
    """The option of that learning rate."""
    return RATE_OPTIONS[rate_of(main_part(settings))]


def rate_of_step(settings: Settings, step: int, steps: int) -> float:
    """The learning rate of a step of a trial, counted from 0: each is the same multiple of the one before."""
    asked = settings.rates(main_part(settings)).first
    lowest, highest = asked * BELOW, min(asked * ABOVE, HIGHEST)
    return lowest * (highest / lowest) ** (step / max(steps - 1, 1))
