"""Writes what a run made, with its metadata, under the name that the settings give it."""

from __future__ import annotations

import time
from pathlib import Path

from ...formats.metadata import ConceptFacts, RunFacts, training_metadata
from ...optimizers.build import evaluation_weights
from ...runs.messages import Phase, Saved
from ..state import Training
from .card import write_card
from .place import artefact_path


def save_artefact(training: Training, step: int, final: bool) -> Path:
    """Write the result after `step` steps; one made on the way carries the step in its name."""
    settings = training.settings
    path = artefact_path(training.run, settings, "" if final else f"-step{step:06d}")
    training.events.append(Phase(name="saving", done=0, total=1))
    with evaluation_weights(training.optimizer, settings.optimizer.name):
        training.method.write(path, training_metadata(settings, _facts(training, step)))
    training.events.append(Saved(step=step, artefact=settings.artefact(), path=str(path)))
    if final:
        write_card(path, training.run, settings, training.base.family.facts)
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
