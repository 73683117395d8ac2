"""What each method learns on the toy over its steps, and what its class loses by it, beside diffusers and PEFT.

    python -m benchmarks.learning [--only PATTERN ...] [--seeds 1 2 3] [--again] [--diffusers CHECKOUT] [--python PY]

Measures the rows that benchmarks/results/quality.jsonl lacks, and makes the tables of docs/quality.md and
docs/images/quality.svg anew from all that it has. It can be interrupted at any time, which costs the row that it is at;
`--only none` measures nothing. CHECKOUT is that of github.com/huggingface/diffusers (of the version that is installed),
of which nothing is copied, PY a Python that has what its scripts need (torchvision, peft). Rows of PEFT need peft here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .cases import CASES, SEEDS, Case, in_order
from .judge import IMAGES
from .measuring import Measuring
from .page import PAGES, write_pages
from .picture import PICTURE, write_picture
from .store import FILE, Store


def chosen(patterns: Sequence[str], cases: Sequence[Case] = CASES) -> list[Case]:
    """Those that have one of the patterns in their name; without patterns all."""
    return [case for case in cases if not patterns or any(p.lower() in case.name.lower() for p in patterns)]


def measure_missing(measuring: Measuring, cases: Sequence[Case], seeds: Sequence[int]) -> int:
    """One row after the other; how many failed or cannot be measured here."""
    failures = 0
    for case, seed in in_order(cases, seeds):
        if any(row["seed"] == seed for row in measuring.store.of(case)):
            continue
        why = measuring.why_not(case)
        try:
            if not why:
                measuring.measure(case, seed)
        except RuntimeError as error:  # the other rows are still worth their time
            why = f"FAILED: {error}"
        if why:
            failures += 1
            print(f"{case.name}, seed {seed}: {why}", file=sys.stderr, flush=True)
    return failures


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="PATTERN", help="only cases with this in their name")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--again", action="store_true", help="measure them anew")
    parser.add_argument("--diffusers", type=Path, help="checkout of diffusers")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs its scripts")
    parser.add_argument("--images", type=int, default=IMAGES, help="for each prompt; rows of others do not compare")
    parser.add_argument("--rows", type=Path, default=FILE, help="file of the rows")
    parser.add_argument("--pages", nargs="+", type=Path, default=PAGES, help="whose tables are made of them")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    store, cases = Store(options.rows), chosen(options.only)
    if options.again:
        store.forget(cases, options.seeds)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        measuring = Measuring(store, Path(folder), options.diffusers, options.python, options.images)
        failures = measure_missing(measuring, cases, options.seeds)
    write_pages(options.pages, store)
    write_picture(options.picture, store)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
