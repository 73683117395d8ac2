"""Measures a case with a seed: trains, scores at several steps, and makes a row of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.machine import this_moment
from benchmarks.peers import with_version
from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.demo.toys import TOYS
from sd_finetune.families.family import DiffusionModel

from .cases import DIFFUSERS, OURS, PARTS, PEFT, RATE_SEED, Case
from .diffusers_scripts import their_models
from .judge import IMAGES, Judge, Point
from .ours import our_models
from .peft_layers import peft_models
from .same_work import SameWork
from .store import Store

Models = Iterator[tuple[int, DiffusionModel]]


@dataclass
class Measuring:
    """What is measured with. checkout: of diffusers; python: the Python that runs its scripts."""

    store: Store
    home: Path
    checkout: Path | None = None
    python: str = sys.executable
    images: int = IMAGES
    judges: dict[tuple[str, str], Judge] = field(default_factory=dict[tuple[str, str], Judge])

    @cached_property
    def same(self) -> SameWork:
        return SameWork(self.home)

    def why_not(self, case: Case) -> str:
        """Why a case cannot be measured here, or ""."""
        if case.program == DIFFUSERS and not self.checkout:
            return "needs --diffusers CHECKOUT"
        if case.program == PEFT:
            try:
                version("peft")
            except ModuleNotFoundError:
                return "needs the package peft"
        return ""

    def measure(self, case: Case, seed: int) -> None:
        """Keep the row of a seed, after those of the learning rates that are tried before."""
        rate = self._best_rate(case) if case.rates else None
        self._keep(case, seed, rate, self._points(case, seed, rate, only_last=False))

    def _best_rate(self, case: Case) -> float:
        """The one with the most fidelity and editability and the least drift at the end, by their sum."""
        for rate in case.rates:
            if rate not in self.store.tried(case):
                self._keep(case, RATE_SEED, rate, self._points(case, RATE_SEED, rate, only_last=True))
        ends = {rate: row["points"][-1] for rate, row in self.store.tried(case).items()}
        return max(ends, key=lambda rate: merit(ends[rate]))

    def _points(self, case: Case, seed: int, rate: float | None, only_last: bool) -> tuple[list[Point], float]:
        """Scores by step, and the seconds of CPU that training took."""
        judge, points, seconds = self._judge(case), list[Point](), 0.0
        with tempfile.TemporaryDirectory(dir=self.home, ignore_cleanup_errors=True) as folder:
            models = enumerate(_timed(self._models(case, seed, rate, Path(folder))), start=1)
            for number, (step, model, took) in models:
                seconds += took
                if number == PARTS or not only_last:
                    points.append(judge.point(model, step, is_last=number == PARTS))
        return points, seconds

    def _models(self, case: Case, seed: int, rate: float | None, folder: Path) -> Models:
        if case.program == OURS:
            return our_models(case, seed, folder)
        assert rate is not None
        if case.program == PEFT:
            return peft_models(case, seed, rate, self.same)
        assert self.checkout is not None
        return their_models(case, seed, rate, self.same, self.checkout, self.python)

    def _judge(self, case: Case) -> Judge:
        name = (case.family, case.subject)
        if name not in self.judges:
            judge = Judge(TOYS[case.family].ready(self.home), SUBJECTS[case.subject], self.images)
            self.judges[name] = judge
            base = {"program": "base", "subject": case.subject, "family": case.family}
            self.store.keep({**base, "points": [judge.base.as_row()], "chance": round(judge.chance, 4)})
        return self.judges[name]

    def _keep(self, case: Case, seed: int, rate: float | None, found: tuple[list[Point], float]) -> None:
        points, seconds = found
        moment = {name: value for name, value in this_moment().items() if name != "load"}
        row: dict[str, Any] = {**case.key, "seed": seed, **({"rate": rate} if rate else {})}
        row |= {
            "images": self.images,
            "points": [point.as_row() for point in points],
            "cpu_s": round(seconds),
            **moment,
        }
        if case.program == DIFFUSERS and self.checkout:
            row["version"] = with_version("diffusers", self.checkout)
        elif case.program == PEFT:
            row["version"] = f"peft {version('peft')}"
        self.store.keep(row)
        print(f"{case.name}, seed {seed}{f', rate {rate:g}' if rate else ''}: {row['points'][-1]}", flush=True)


def merit(point: Mapping[str, float]) -> float:
    """What learning rates, and ours with the weight of the prior, are chosen by: fidelity + editability - drift."""
    return point["fidelity"] + point["editability"] - point["class_drift"]


def _timed(models: Models) -> Iterator[tuple[int, DiffusionModel, float]]:
    """With the seconds of CPU that each took to come."""
    while True:
        started = _cpu_seconds()
        try:
            step, model = next(models)
        except StopIteration:
            return
        yield step, model, _cpu_seconds() - started


def _cpu_seconds() -> float:
    """Of this process and all that it has started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
