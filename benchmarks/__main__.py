"""What a training step costs: time by parts, beside a floor, peak memory, start and saving.

    python -m benchmarks [--device cpu|cuda] [--size SIZE] [--budget SECONDS] [--rows PATTERN]

Measures the rows of `cases.py` on this machine, writes them to benchmarks/results and makes docs/performance.md anew,
where it stands what the figures are. Sizes: those of SIZES in material.py. Without --size: on a GPU the full size of
each family and the toy; on a CPU the toy, and LoRA alone at the size of Stable Diffusion 1.5, where a step takes a
minute. Exit code 1 where a row fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from .cases import Case, cases
from .floor import ceiling
from .machine import about, file_name, this_moment
from .material import SIZES
from .measure import Row, measure
from .page import PAGE, table, write_page
from .results import RESULTS, keep, read


def chosen(options: argparse.Namespace) -> list[Case]:
    """The rows that are asked for."""
    usual = ["sdxl", "sd15", "toy"] if options.device == "cuda" else ["toy", "sd15"]
    sizes = [options.size] if options.size else usual
    found = [case for size in sizes for case in cases(size, options.device)]
    if options.device == "cpu" and not options.size and not options.rows:
        found = [c for c in found if c.size == "toy" or (c.method, c.preset) == ("LoRA", "plain")]
    return [case for case in found if options.rows.lower() in case.name.lower()]


def measured(found: list[Case], home: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Each row, as far as the time goes. On a GPU whole runs are made with plain settings only."""
    started = time.perf_counter()
    for case in found:
        if time.perf_counter() - started < options.budget:
            whole = options.device == "cpu" or (case.preset == "plain" and case.batch == SIZES[case.size].batch)
            row = measure(case, home, options.device, whole, options.quick)
            print(f"{time.perf_counter() - started:.0f} s: {case.name}: {_told(row)}", file=sys.stderr, flush=True)
            yield row
        else:
            print(f"{case.name}: left out, no time", file=sys.stderr, flush=True)


def _told(row: Row) -> str:
    ratio = f"{row.step_ms:.1f} ms, {row.ratio:.3f} of the floor" if row.step_ms and row.ratio else ""
    return f"{ratio} {row.remark}".strip()


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cuda", "cpu"), default=usual)
    parser.add_argument("--size", choices=tuple(SIZES))
    parser.add_argument("--budget", type=float, default=330, help="seconds after which no row is begun any more")
    parser.add_argument("--rows", default="", help='only rows with this in their name, like "toy: lora"')
    parser.add_argument("--quick", action="store_true", help="two turns a row: only whether it works")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results files")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is made of them")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    found, machine, moment = chosen(options), about(options.device), this_moment()
    if not found:
        raise SystemExit(f"No row has {options.rows!r} in its name.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ceilings = {size: ceiling(options.device, SIZES[size].product_side) for size in {case.size for case in found}}
        rows = list(measured(found, Path(folder), options))
    keep(options.results, machine, moment, rows, ceilings)
    write_page(options.page, options.results)
    content = read(options.results / file_name(machine))
    for size in dict.fromkeys(case.size for case in found):
        print(f"\n{machine['machine']}, torch {machine['torch']}, {size}, commit {moment['commit']}")
        print("\n".join(table(content, size)))
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
