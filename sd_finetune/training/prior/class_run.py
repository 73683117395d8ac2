"""Generates missing class images without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...data.concepts import instance_examples
from ...runs.folder import describe_base
from ...runs.messages import Event, Phase, Warning_
from ...settings.options import Settings
from ..base_checkpoint import about_base, read_base
from ..device import accelerator_for
from ..orders import nobody_asks
from ..phases import look_of
from ..processes.processes import ALONE, Processes
from ..ready_model import ready_model
from .class_examples import complete_class_images


def generate_missing_class_images(
    settings: Settings,
    runs: Path,
    emit: Callable[[Event], None],
    weights: Path | None = None,
    check: Callable[[], None] = nobody_asks,
    processes: Processes = ALONE,
) -> list[list[Path]]:
    """The class images of each concept, all of them; `emit` gets progress, and warnings of damaged images.

    runs: the folder of the run folders; generated images are kept beside them unless the settings have a folder.
    weights: as in `read_base`.
    check: as in `generate_images`. processes: those that share this.

    Raises:
        UserError: the settings cannot be used.
    """
    emit(Phase(name="loading", done=0, total=1))
    describe_base(Path(settings.base.checkpoint))  # raises if it does not exist
    accelerator = accelerator_for(settings)
    look = look_of(settings, runs, emit)
    evaluated = settings.evaluation.used_folder()
    examples, warnings = instance_examples(settings.concepts, settings.captions, None, look, evaluated)
    for message in warnings:
        emit(Warning_(message=message))
    base = read_base(settings, weights)
    for message in about_base(base):
        emit(Warning_(message=message))
    model, placement = ready_model(base, settings, accelerator)
    place = placement.brought_back
    return complete_class_images(runs, settings, base, model, examples, accelerator, emit, check, place, processes)
