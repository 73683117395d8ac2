"""Rules of training on several devices."""

from __future__ import annotations

from collections.abc import Iterator

from .faults import Broken
from .options import Settings


def not_on_mps(settings: Settings) -> Iterator[tuple[str, str]]:
    """What accelerate and torch do not have on a Mac's GPU: the option, and the rest of a sentence about that GPU."""
    for name, value in (("mixed_precision", "no"), ("frozen_weights", "as_computed")):
        own = getattr(settings.train, name)
        if own != value:
            rest = f'trains in fp32, without train.{name} = "{own}": set that to "{value}", or train.device to "cpu".'
            yield f"train.{name}", rest


def several_devices(settings: Settings) -> Iterator[Broken]:
    """What cannot be split."""
    train = settings.train
    if train.devices == 1:
        return
    problem = f"train.devices = {train.devices}"
    if train.fused_backward:
        sentence = f"{problem} needs gradients after the backward pass, which train.fused_backward = true has freed"
        yield ("train.devices", "train.fused_backward"), f"{sentence}: set it to 1, or train.fused_backward to false."
    if train.device == "mps":
        sentence = f'{problem} is not for train.device = "mps", of which a Mac has one'
        yield ("train.devices", "train.device"), f"{sentence}: set it to 1."
