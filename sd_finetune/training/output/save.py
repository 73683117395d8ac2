"""Writes what a run made, with its metadata, under the name that the settings give it."""

from __future__ import annotations

import glob
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ...formats.metadata import ConceptFacts, RunFacts, training_metadata
from ...methods import method_class
from ...optimizers.build import evaluation_weights
from ...runs.atomic import is_taken, refuse_unwritable
from ...runs.folder import RunFolder
from ...runs.messages import Phase, Saved, read_events
from ...settings.options import Settings
from .card import write_card

if TYPE_CHECKING:
    from ..setup import Training


def save_artefact(training: Training, step: int, final: bool) -> Path:
    """Write the result after `step` steps; one made on the way carries the step in its name."""
    settings = training.settings
    path = artefact_path(training.run, settings, "" if final else f"-step{step:06d}")
    training.events.append(Phase(name="saving", done=0, total=1))
    with evaluation_weights(training.optimizer, settings.optimizer.name):
        training.method.write(path, training_metadata(settings, _facts(training, step)))
    training.events.append(Saved(step=step, artefact=settings.artefact(), path=str(path)))
    if final:
        write_card(path, training.run, settings)
    return path


def artefact_path(run: RunFolder, settings: Settings, suffix: str = "") -> Path:
    """Where a run's result goes, or with a suffix to its name one that is made on the way."""
    folder = Path(settings.output.folder or run.output)
    return folder / f"{settings.output.name}{suffix}{method_class(settings.method).ending(settings)}"


def refuse_place(run: RunFolder, settings: Settings) -> None:
    """Raise UserError if the result cannot be written, or only over a file of another run or this one's own base."""
    path = artefact_path(run, settings)
    refuse_unwritable(path)
    has_saved = any(isinstance(event, Saved) for event in read_events(run.events)[0])
    if not settings.output.folder or has_saved:  # then the names are the run's own
        return
    beside = [path.with_suffix(".yaml")] if settings.artefact() == "checkpoint" else []
    on_the_way = path.parent.glob(f"{glob.escape(path.stem)}-step[0-9]*{path.suffix}")
    for file in (path, *beside, *on_the_way):
        if is_taken(file):
            raise UserError(f"{file} exists already: give output.name another name, or move that file away first.")


def _facts(training: Training, step: int) -> RunFacts:
    classes = training.classes.examples if training.classes else []
    concepts = []
    for number in range(len(training.settings.concepts)):
        shown = {e.picture: e.prompt for e in training.instances.examples if e.concept == number}
        class_pictures = sum(e.concept == number and e.picture not in shown for e in classes)
        concepts.append(ConceptFacts(list(shown.values()), class_pictures))
    return RunFacts(
        base=training.base_facts,
        concepts=concepts,
        steps_per_epoch=training.batches.steps_per_epoch,
        total_steps=training.total_steps,
        step=step,
        started_at=training.started_at,
        finished_at=time.time(),
    )
