"""What rows come to: means over seeds, their spread, and who is ahead of whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from .cases import CASES, OURS, Case, for_tables
from .store import Row, Store

Place = tuple[float, float]
"""Fidelity and class drift."""


@dataclass(frozen=True)
class Spread:
    """Of one figure over seeds: shares, 0 ... 1."""

    mean: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(mean(values), min(values), max(values))

    def __str__(self) -> str:
        """ "97.9 % (94-100)"."""
        return f"{self.mean:.1%}".replace("%", " %") + f" ({100 * self.lowest:.0f}–{100 * self.highest:.0f})"


def measured(store: Store, cases: Sequence[Case] = CASES) -> dict[Case, list[Row]]:
    """The cases that have rows, in their order."""
    found = {case: store.of(case) for case in for_tables(cases)}
    return {case: rows for case, rows in found.items() if rows}


def have(rows: Sequence[Row], figure: str) -> bool:
    """Whether all of the last points have a figure: rows that were measured before there was one lack it."""
    return all(figure in row["points"][-1] for row in rows)


def at_the_end(rows: Sequence[Row], figure: str) -> Spread:
    """A figure of the last points."""
    return Spread.of([row["points"][-1][figure] for row in rows])


def curve(rows: Sequence[Row]) -> list[tuple[int, float, float]]:
    """Step, fidelity and class drift of each point, means over seeds."""
    points = zip(*(row["points"] for row in rows), strict=True)
    return [(p[0]["step"], mean(q["fidelity"] for q in p), mean(q["class_drift"] for q in p)) for p in points]


def places(rows: Iterable[Row], last: bool = False) -> list[Place]:
    """Of each seed at each step, or at the last one."""
    kept = [row["points"][-1:] if last else row["points"] for row in rows]
    return [(point["fidelity"], point["class_drift"]) for points in kept for point in points]


def is_outside(place: Place, others: Iterable[Place]) -> bool:
    """Whether none of the others has at least the fidelity with at most the drift."""
    return not any(fidelity >= place[0] and drift <= place[1] for fidelity, drift in others)


def outside_of(rows: Sequence[Row], others: Sequence[Place]) -> list[int]:
    """The seeds whose last points are outside of all that others reached at any step with any seed."""
    return [row["seed"] for row in rows if is_outside(places([row], last=True)[0], others)]


def of_others(store: Store) -> dict[Case, list[Row]]:
    """Rows of other programs, also those that learning rates were tried with."""
    found: dict[Case, list[Row]] = {}
    for case in for_tables([case for case in CASES if case.program != OURS]):
        rows = [*store.of(case), *(row for row in store.tried(case).values() if row["prior"] == case.prior)]
        if rows:
            found[case] = rows
    return found


def ours_beside(store: Store, case: Case) -> list[Row]:
    """Our rows of the same method, prior and algorithm as one of others."""
    algorithm = "" if case.algorithm == "lora" else case.algorithm
    return store.of(Case(OURS, case.method, case.prior, case.subject, algorithm))
