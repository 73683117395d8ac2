"""Saves a run's result with its metadata."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ...data.concepts import Example
from ...errors import CannotWriteError
from ...formats.metadata import ConceptFacts, RunFacts, training_metadata
from ...formats.tensor_file import FILE_DTYPES, fits
from ...runs.messages import Phase, Saved, Warning_
from ...runs.own_results import Known, OwnResults, saving_in, what_is_at
from ...runs.result_paths import result_paths
from ...settings.result_files import ResultFile, endings_of, result_files
from ..state import Training
from .card import write_card
from .moment import moment_of
from .older_results import remove_older_results


def save_result(training: Training, step: int, final: bool) -> Path:
    """Save the result after `step` steps, all its files; intermediate ones have the step in their names.

    Where a name is another's file by now, this one gets a number behind it. Returns the path of the first.
    """
    settings = training.settings
    named = result_paths(training.run, settings, moment_of(training, step, final))
    training.events.append(Phase(name="saving", done=0, total=1))
    with saving_in(training.run, {path.parent for path in named}):
        paths = _write(training, step, named, final)
    for number, (path, file) in enumerate(zip(paths, result_files(settings), strict=True)):
        if path != named[number]:
            training.warn(_about_another_name(named[number], path, file))
        if final:
            _write_card(training, path, number)
    if not final:
        remove_older_results(training)
    return paths[0]


def _write(training: Training, step: int, named: Sequence[Path], final: bool) -> list[Path]:
    """Write the files of a result under their names, or, where nobody else's file is lost by it, with a number.

    Each is told as soon as it is there: where the next one fails and all is tried again, it is known as the run's own.
    """
    settings, own = training.settings, OwnResults(training.run)
    files = result_files(settings)
    paths = [own.place_for(path, endings_of(settings, file), named) for path, file in zip(named, files, strict=True)]
    with training.weights_to_use(settings.ema.results):
        precision, facts = _precision_for(training), _facts(training, step)
        for number, (path, file) in enumerate(zip(paths, files, strict=True)):
            training.method.write(path, training_metadata(settings, facts, number), precision, number)
            there = what_is_at(path) or Known(0, 0.0)
            training.events.append(Saved(step, file.kind, str(path), there.size, there.modified, final))
    return paths


def _about_another_name(named: Path, path: Path, file: ResultFile) -> str:
    word = f' In the WebUI\'s prompts its word is "{path.stem}".' if file.kind == "embedding" else ""
    return (
        f"{named} is not the file of this run, or was changed since this run saved it, and stays as it is: this "
        f"result is saved as {path.name}.{word}"
    )


def _write_card(training: Training, path: Path, number: int) -> None:
    if path.is_dir():  # which the WebUI has no card for
        return
    try:
        write_card(path, training.run, training.settings, training.base.family.facts, number)
    except CannotWriteError as error:
        training.warn(f"{error} The result itself is saved; only its card lacks this.")


def _precision_for(training: Training) -> str:
    """That of the settings, or fp32 for weights beyond its range, which are not finite in it."""
    asked, weights = training.settings.output.precision, training.method.trained_tensors().values()
    if all(fits(weight, FILE_DTYPES[asked]) for weight in weights):
        return asked
    largest = max(float(weight.detach().abs().max()) for weight in weights)
    training.events.append(
        Warning_(
            message=f"The result has weights up to {largest:.3g}, beyond the range of output.precision = "
            f'"{asked}", and is saved as fp32. Training that goes well has no such weights: lower the learning rate.'
        )
    )
    return "fp32"


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
        sizes=training.instances.counts(),
        steps_per_epoch=training.batches.steps_per_epoch,
        total_steps=training.total_steps,
        step=step,
        started_at=training.started_at,
        finished_at=time.time(),
    )
