"""The rows that were measured: a line of JSON for each program, method, algorithm, prior, subject and seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS
from sd_finetune.runs.atomic import replacing

from .cases import RATE_SEED, Case

FILE = RESULTS / "quality.jsonl"
Row = Mapping[str, Any]


class Store:
    """All rows of a file, which is written anew with each one, so that what ends a measurement costs one row."""

    def __init__(self, path: Path = FILE) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows: list[Row] = [json.loads(line) for line in lines]

    def of(self, case: Case) -> list[Row]:
        """A case's rows, by seed, without those that learning rates were tried with."""
        found = [row for row in self.rows if _is_of(row, case.key) and row["seed"] != RATE_SEED]
        return sorted(found, key=lambda row: row["seed"])

    def tried(self, case: Case) -> dict[float, Row]:
        """What each learning rate gave, with whichever prior it was tried."""
        same = {name: value for name, value in case.key.items() if name != "prior"}
        return {row["rate"]: row for row in self.rows if _is_of(row, same) and row["seed"] == RATE_SEED}

    def base(self, subject: str) -> Row | None:
        """What the untrained model scores with a subject's prompts."""
        return next((row for row in self.rows if _is_of(row, {"program": "base", "subject": subject})), None)

    def keep(self, row: Row) -> None:
        """In place of one of the same case, seed and learning rate tried."""
        known = [other for other in self.rows if _identity(other) != _identity(row)]
        self.rows = sorted([*known, row], key=_identity)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as unfinished:
            unfinished.write_text("".join(json.dumps(r) + "\n" for r in self.rows), encoding="utf-8")

    def forget(self, cases: Sequence[Case], seeds: Sequence[int]) -> None:
        """Rows that are to be measured anew; the file keeps them until the first one is."""
        gone = [id(row) for case in cases for row in self.of(case) if row["seed"] in seeds]
        self.rows = [row for row in self.rows if id(row) not in gone]


def _is_of(row: Row, key: Mapping[str, str]) -> bool:
    return all(row.get(name) == value for name, value in key.items())


def _identity(row: Row) -> tuple[Any, ...]:
    names = ("program", "family", "method", "algorithm", "subject", "prior", "seed")
    return (*(row.get(name, "") for name in names), row["rate"] if row.get("seed") == RATE_SEED else 0)
