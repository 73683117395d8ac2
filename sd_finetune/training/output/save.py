"""Saves a run's result with its metadata."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ...data.concepts import Example
from ...formats.metadata import ConceptFacts, RunFacts, training_metadata
from ...optimizers.build import evaluation_weights
from ...runs.messages import Phase, Saved
from ..state import Training
from .card import write_card
from .place import result_path


def save_result(training: Training, step: int, final: bool) -> Path:
    """Save the result after `step` steps; an intermediate one has the step in its name."""
    settings = training.settings
    path = result_path(training.run, settings, "" if final else f"-step{step:06d}")
    training.events.append(Phase(name="saving", done=0, total=1))
    with evaluation_weights(training.optimizer, settings.optimizer.name):
        training.method.write(path, training_metadata(settings, _facts(training, step)))
    training.events.append(Saved(step=step, result=settings.result_kind(), path=str(path)))
    if final:
        write_card(path, training.run, settings, training.base.family.facts)
    return path


def _facts(training: Training, step: int) -> RunFacts:
    classes: Sequence[Example] = training.classes.examples if training.classes else ()
    concepts: list[ConceptFacts] = []
    for number in range(len(training.settings.concepts)):
        used = {e.image: e.prompt for e in training.instances.examples if e.concept == number}
        class_images = sum(e.concept == number and e.image not in used for e in classes)
        concepts.append(ConceptFacts(list(used.values()), class_images))
    return RunFacts(
        base=training.base_facts,
        concepts=concepts,
        steps_per_epoch=training.batches.steps_per_epoch,
        total_steps=training.total_steps,
        step=step,
        started_at=training.started_at,
        finished_at=time.time(),
    )
