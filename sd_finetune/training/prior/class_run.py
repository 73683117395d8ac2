"""Class pictures without a training: loads the untrained model and draws those that are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...data.concepts import instance_examples
from ...families.load_model import load_model
from ...runs.folder import describe_base
from ...runs.messages import Event, Phase, Warning_
from ...settings.options import Settings
from ..base_checkpoint import read_base
from ..device import DTYPES, accelerator_for
from .class_examples import complete_class_pictures


def missing_class_pictures(
    settings: Settings, runs: Path, tell: Callable[[Event], None], weights: Path | None = None
) -> list[list[Path]]:
    """The class pictures of each concept, all of them there; `tell` hears of progress and of broken pictures.

    runs: where the run folders are, beside which drawn pictures are kept unless the settings name a folder.
    weights: as in `read_base`.

    Raises:
        UserError: the settings ask for what cannot be.
    """
    tell(Phase(name="loading", done=0, total=1))
    describe_base(Path(settings.base.checkpoint))  # says so if there is no such file
    accelerator = accelerator_for(settings)
    examples, warnings = instance_examples(settings.concepts)
    for message in warnings:
        tell(Warning_(message=message))
    base = read_base(settings, weights)
    model = load_model(base)
    model.to(accelerator.device, DTYPES[settings.train.mixed_precision])
    return complete_class_pictures(runs, settings, base, model, examples, accelerator, tell)
