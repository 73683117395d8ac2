"""Training by this project, with the results of several steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.low_memory_quality import changed
from benchmarks.quality import results, settings_for
from sd_finetune.demo.run import load_result
from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.demo.toys import TOYS
from sd_finetune.families.family import DiffusionModel
from sd_finetune.settings.duration import Interval
from sd_finetune.settings.options import Settings

from .cases import PARTS, Case


def settings_of(case: Case, seed: int, home: Path) -> Settings:
    """The demo's, with what the case changes, and results on the way."""
    demo = TOYS[case.family].settings(case.method, home)
    own = changed(settings_for(case.method, SUBJECTS[case.subject], case.prior, seed, demo), case.changes)
    return replace(own, output=replace(own.output, save_every=Interval(own.train.length.amount // PARTS)))


def our_models(case: Case, seed: int, home: Path) -> Iterator[tuple[int, DiffusionModel]]:
    """Train; each step that has a result, with the model as that file makes it."""
    settings = settings_of(case, seed, home)
    found = results(settings, home)
    name = found[max(found)].name
    for step, path in found.items():
        if case.method == "textual-inversion":  # its word is its file's name, which has the step in it on the way
            path = _renamed(path, home / f"at step {step}" / name)
        yield step, load_result(case.method, path, Path(settings.base.checkpoint))


def _renamed(path: Path, to: Path) -> Path:
    to.parent.mkdir()
    shutil.copy(path, to)
    return to
