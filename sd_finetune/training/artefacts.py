"""Writes what a run made, with its metadata, under the name that the settings give it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..formats.metadata import ConceptFacts, RunFacts, training_metadata
from ..runs.messages import Phase, Saved
from .card import write_card

if TYPE_CHECKING:
    from .setup import Training


def save_artefact(training: Training, step: int, final: bool) -> Path:
    """Write the result after `step` steps; one made on the way carries the step in its name."""
    settings = training.settings
    folder = Path(settings.output.folder or training.run.output)
    path = folder / f"{settings.output.name}{'' if final else f'-step{step:06d}'}{training.method.ending}"
    training.events.append(Phase(name="saving", done=0, total=1))
    training.method.write(path, training_metadata(settings, _facts(training, step)))
    if final:
        write_card(path, training.run, settings)
    training.events.append(Saved(step=step, artefact=settings.artefact(), path=str(path)))
    return path


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
