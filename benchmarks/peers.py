"""The same work done by this project and by the scripts that others train with.

    python -m benchmarks.peers [--diffusers CHECKOUT] [--sd-scripts CHECKOUT] [--python PYTHON] [--device cpu|cuda]
        [--size SIZE] [--steps 60] [--batch 4] [--rounds 3] [--rows PATTERN]

Its rows are kept in benchmarks/results, and docs/performance.md is made anew. Checkouts are those of
github.com/huggingface/diffusers (of the version that is installed) and of github.com/kohya-ss/sd-scripts; nothing of
them is copied. PYTHON is one that has what they need (torchvision, datasets, peft, ...), by default the one that runs
this.

Both sides get the same base, images, resolution, batch size, precision and number of steps, AdamW at a constant
learning rate, and save at the end; ours is started as a user starts it, `python -m sd_finetune train`. They take turns.
Neither is changed: the steps are timed by torch's own hook on the optimizer's step (`step_times/sitecustomize.py`).

start: seconds from the start of the process to the end of the first step. step: median milliseconds from one step to
the next. whole: seconds to the end of the process. CPU: how long processors worked for it, which hardly depends on what
else the machine does when OMP_NUM_THREADS=1 is set. faster: theirs / ours, the median over the rounds. sd-scripts takes
no sizes but those of Stable Diffusion, and so not the toy.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .machine import about, commit_of, this_moment
from .material import PROMPT, SIZES, base_checkpoint, diffusers_folder, image_folder, tokenizer_folder
from .page import PAGE, write_page
from .peer_commands import PAIRS, Pair, Side, Work, our_side, their_side
from .results import RESULTS, keep_peers

HERE = Path(__file__).parent
IMAGES = 8
FIGURES = {
    "start": ("start, s", 1),
    "step": ("step, ms", 0),
    "step_cpu": ("step, CPU ms", 0),
    "whole": ("whole, s", 1),
    "whole_cpu": ("whole, CPU s", 1),
}
"""Heading and digits of what is measured."""


@dataclass(frozen=True)
class Took:
    """One run. Of the whole: seconds; of a step: milliseconds."""

    start: float
    step: float
    step_cpu: float
    whole: float
    whole_cpu: float


def prepared(home: Path, options: argparse.Namespace) -> Work:
    """The base and the images in all forms that the sides want."""
    size = SIZES[options.size]
    resolution = options.resolution or size.resolution
    checkpoint = base_checkpoint(options.size, home)
    images = image_folder(home / "images", IMAGES, resolution)
    with (images / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "text"), *((f"{n}.png", PROMPT) for n in range(IMAGES))])
    of_diffusers = options.diffusers and any(p.peer == "diffusers" and p.family == size.family for p in PAIRS)
    return Work(
        checkpoint=checkpoint,
        diffusers_folder=diffusers_folder(checkpoint, home / "base") if of_diffusers else home,
        images=images,
        class_images=image_folder(home / "class", IMAGES, resolution),
        captioned=image_folder(home / "named" / f"100_{PROMPT}", IMAGES, resolution),
        tokenizers=tokenizer_folder(home / "tokenizers"),
        steps=options.steps,
        batch=options.batch or size.batch,
        resolution=resolution,
        precision=options.precision,
        device=options.device,
    )


def run(side: Side, output: Path, steps: int, device: str) -> Took:
    """Do it, and tell how long it took. Raises RuntimeError with the end of its log where it fails."""
    notes, log = output / "steps.txt", output / "log.txt"
    known = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(HERE / "step_times"), str(HERE.parent), *([known] if known else [])])
    hidden = {} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    environment = {**os.environ, **hidden, **side.environment, "PYTHONPATH": paths, "STEP_TIMES": str(notes)}
    with log.open("wb") as file:
        started, worked = time.time(), cpu_seconds()
        process = subprocess.run(
            side.command, env={**environment, "HF_HUB_OFFLINE": "1"}, cwd=side.folder, stdout=file, stderr=file
        )
        ended, worked = time.time(), cpu_seconds() - worked
    times = step_times(notes)
    if process.returncode or len(times) < steps:
        told = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        raise RuntimeError(f"{' '.join(side.command)}\nended with {process.returncode}, {len(times)} steps:\n{told}")
    step, step_cpu = (
        1000 * statistics.median(b - a for a, b in itertools.pairwise(clock))
        for clock in zip(*times[-steps + 1 :], strict=True)
    )
    return Took(times[-steps][0] - started, step, step_cpu, ended - started, worked)


def cpu_seconds() -> float:
    """Of all processes that this one has started and that have ended; they count their own in turn."""
    used = os.times()
    return used.children_user + used.children_system


def step_times(notes: Path) -> list[tuple[float, float]]:
    """Unix time and CPU seconds of the process at the end of each step."""
    if not notes.exists():
        return []
    lines = (line.split() for line in notes.read_text(encoding="utf-8").splitlines())
    return [(float(clock), float(cpu)) for clock, cpu in lines]


def compare(pair: Pair, work: Work, home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One row: both sides in turns, for as many rounds as asked for."""
    checkout = getattr(options, pair.peer.replace("-", "_")).resolve()
    rounds: dict[str, list[Took]] = {"ours": [], "theirs": []}
    for number in range(options.rounds):
        for name, took in rounds.items():
            output = home / "runs" / f"{PAIRS.index(pair)}-{number}-{name}"
            output.mkdir(parents=True)
            side = (
                our_side(pair, work, output)
                if name == "ours"
                else their_side(pair, work, output, checkout, options.python)
            )
            took.append(run(side, output, work.steps, options.device))
            print(f"{pair.name} ({pair.peer}), round {number + 1}, {name}: {took[-1]}", file=sys.stderr, flush=True)
    same = {name: getattr(work, name) for name in ("steps", "batch", "resolution", "precision")}
    row: dict[str, Any] = {"work": pair.name, "peer": with_version(pair.peer, checkout), "size": options.size, **same}
    for figure in FIGURES:
        ours, theirs = ([asdict(took)[figure] for took in side] for side in rounds.values())
        row[f"{figure}, ours"], row[f"{figure}, theirs"] = statistics.median(ours), statistics.median(theirs)
        row[f"{figure}, faster"] = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
    return {**row, "rounds": {name: [asdict(took) for took in side] for name, side in rounds.items()}}


def with_version(peer: str, checkout: Path) -> str:
    """ "diffusers 0.31.0", "sd-scripts 48d368f"."""
    package = checkout / "src" / "diffusers" / "__init__.py"
    found = re.search(r'__version__ = "(.+)"', package.read_text(encoding="utf-8")) if package.exists() else None
    return f"{peer} {found[1] if found else commit_of(checkout)}"


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of text."""
    yield f"{'':62}" + "".join(f"{heading:>22}" for heading, _ in FIGURES.values())
    yield f"{'work':42}{'peer':20}" + len(FIGURES) * f"{'ours':>7}{'theirs':>8}{'faster':>7}"
    for row in rows:
        line = f"{row['work']:42}{row['peer']:20}"
        for figure, (_, digits) in FIGURES.items():
            line += f"{row[f'{figure}, ours']:>7.{digits}f}{row[f'{figure}, theirs']:>8.{digits}f}"
            line += f"{row[f'{figure}, faster']:>6.2f}x"
        yield line


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diffusers", type=Path, help="checkout of diffusers")
    parser.add_argument("--sd-scripts", type=Path, help="checkout of sd-scripts")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs their scripts")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cpu")
    parser.add_argument("--size", choices=tuple(SIZES), default="toy")
    parser.add_argument("--resolution", type=int, default=0, help="pixels; 0 = that of the size")
    parser.add_argument("--precision", choices=("no", "fp16", "bf16"), default="no")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=0, help="images in a forward pass; 0 = that of the size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="", help="only rows with this in their name")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results files")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is made of them")
    options = parser.parse_args(arguments)
    if not (options.diffusers or options.sd_scripts):
        parser.error("name a checkout: --diffusers or --sd-scripts")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    peers = {"diffusers": options.diffusers, "sd-scripts": options.size != "toy" and options.sd_scripts}
    of_family = [pair for pair in PAIRS if pair.family == SIZES[options.size].family]
    chosen = [pair for pair in of_family if peers[pair.peer] and options.rows.lower() in pair.name.lower()]
    rows: list[dict[str, Any]] = []
    moment, failed = this_moment(), False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        work = prepared(home, options)
        for pair in chosen:
            try:
                rows.append(compare(pair, work, home, options))
            except RuntimeError as error:  # the other rows are still worth their time
                print(f"FAILED: {pair.name} ({pair.peer}): {error}", file=sys.stderr, flush=True)
                failed = True
    keep_peers(options.results, about(options.device), moment, rows)
    write_page(options.page, options.results)
    print("\n".join(table(rows)))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
