"""Results files: one for each machine, whose rows are replaced by those that are measured anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .machine import PACKAGES, file_name
from .measure import Row

RESULTS = Path(__file__).parent / "results"
KEY = ("size", "method", "preset", "batch", "limit_gb")
PEER_KEY = ("work", "peer", "size", "steps", "batch", "resolution", "precision")


def read(path: Path) -> dict[str, Any]:
    """`about`, `rows`, `peers` (of `benchmarks.peers`) and `ceilings`, in FLOP/s by size."""
    empty: dict[str, Any] = {"about": {}, "ceilings": {}, "rows": [], "peers": []}
    return {**empty, **json.loads(path.read_text(encoding="utf-8"))} if path.exists() else empty


def keep(
    folder: Path, about: dict[str, Any], moment: dict[str, Any], rows: Iterable[Row], ceilings: dict[str, float]
) -> Path:
    """Write the rows into the machine's file and return it; what other versions of the packages gave is dropped."""
    path, new = folder / file_name(about), [{**asdict(row), **moment} for row in rows]
    known = _of_these_versions(path, about)
    content = {
        **known,
        "about": about,
        "ceilings": {**known["ceilings"], **ceilings},
        "rows": _replaced(known["rows"], new, KEY),
    }
    return _write(path, content)


def keep_peers(folder: Path, about: dict[str, Any], moment: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    """The same for rows of `benchmarks.peers`."""
    path = folder / file_name(about)
    known, new = _of_these_versions(path, about), [{**row, **moment} for row in rows]
    return _write(path, {**known, "about": about, "peers": _replaced(known["peers"], new, PEER_KEY)})


def _of_these_versions(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    known = read(path)
    same = all(known["about"].get(package) == about[package] for package in PACKAGES)
    return known if same else read(path.with_name("there is none"))


def _replaced(known: list[dict[str, Any]], new: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    """The known rows with the new ones in their places, further ones at the end."""

    def named(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row.get(name) for name in key)

    measured = {named(row): row for row in new}
    return [measured.pop(named(row), row) for row in known] + list(measured.values())


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
    return path
