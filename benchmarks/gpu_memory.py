"""VRAM of every method at Stable Diffusion 1.5's size, with plain settings and with those that save VRAM.

    python benchmarks/gpu_memory.py [--device cuda|cpu] [--size sd15|toy] [--budget 220] [--json FILE]

The model has seeded random weights. Each row is a run of `training.loop.train` on one image of noise (512 px at the
size of SD1.5, 64 px for the toy) without prior, with the forward pass in bf16: 2 steps to warm up and 5 that are
measured. Results are not written. Rows under a limit have a 6 GB card's memory (`set_per_process_memory_fraction`),
generate a sample and write a snapshot in the end. `--device cpu --size toy` proves the benchmark without a GPU; on a
CPU there is no VRAM to tell. Rows for which there is no time within the budget, or whose optimizer is not installed,
say so.

reserved, allocated: peaks of torch's allocator in GiB, without the CUDA context. prepare: from loading to the first
step. estimate: what the tab tells before training, with the CUDA context.

Then, on the toy, losses of steps inside the backward pass are compared with those after it, and of weights in bf16 with
those in fp32. The exit code is 1 if a row fails or losses disagree.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.gpu_smoke import SIZES, random_checkpoint
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Error, Step, read_events
from sd_finetune.settings.optimizer_availability import why_unavailable
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.training.loop import train
from sd_finetune.training.output.snapshots import write_snapshot
from sd_finetune.training.setup import prepare
from sd_finetune.ui.advice.vram_estimate import needed_bytes

WARM_UP, MEASURED = 2, 5
LIMIT_GB = 6
TEXT = {"train.train_text_encoder": True}
CHECKPOINTED = {"train.gradient_checkpointing": True}
FACTORED = {"optimizer.name": "adafactor"}
BF16 = {"train.weights": "bf16"}
FUSED = {"train.fused_backward": True, "train.clip_by": "parameter_norm"}
SMALLEST = {**FACTORED, **BF16, **FUSED, **CHECKPOINTED}
METHODS: dict[str, dict[str, Any]] = {
    "dreambooth": {"method": "dreambooth"},
    "dreambooth + text": {"method": "dreambooth", **TEXT},
    "lora r16": {"method": "lora", "lora.rank": 16},
    "textual inversion": {"method": "textual_inversion", "textual_inversion.word": "zib-7"},
    "hypernetwork": {"method": "hypernetwork"},
}


@dataclass
class Row:
    """One run. limit: GB of memory that it may take, 0 = all."""

    method: str
    settings: str
    changes: dict[str, Any] = field(repr=False)
    limit: int = 0
    ms: float = 0.0
    prepare: float = 0.0
    reserved: float = 0.0
    allocated: float = 0.0
    estimate: float = 0.0
    losses: list[float] = field(default_factory=list)
    remark: str = ""


def rows() -> list[Row]:
    """What is asked for most comes first."""
    found = [Row(method, "smallest", {**METHODS[method], **SMALLEST}, LIMIT_GB) for method in list(METHODS)[:2]]
    low = {**FACTORED, **BF16, **CHECKPOINTED}
    for method, changes in METHODS.items():
        is_dreambooth = method.startswith("dreambooth")
        found.append(
            Row(method, "smallest" if is_dreambooth else "low", {**changes, **(SMALLEST if is_dreambooth else low)})
        )
        found.append(Row(method, "plain", changes))
    dreambooth = METHODS["dreambooth"]
    found += [
        Row("dreambooth", "adafactor", {**dreambooth, **FACTORED}),
        Row("dreambooth", "adafactor, bf16", {**dreambooth, **FACTORED, **BF16}),
        Row("dreambooth", "adafactor, bf16, fused", {**dreambooth, **FACTORED, **BF16, **FUSED}),
        Row("dreambooth", "adamw, bf16, fused", {**dreambooth, **BF16, **FUSED}),
    ]
    for name in ("adamw8bit", "paged_adamw8bit", "lion8bit"):
        changes = {**dreambooth, **BF16, **FUSED, **CHECKPOINTED, "optimizer.name": name}
        found.append(Row("dreambooth", f"{name}, bf16, fused", changes))
    return found


def settings_of(home: Path, options: argparse.Namespace, size: str, changes: dict[str, Any], steps: int) -> Settings:
    """A run on one image of noise."""
    folder, side = home / f"{size}-images", SIZES[size][0].image_size * 8
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noise.png")
    common = {
        "base.checkpoint": str(home / f"{size}.safetensors"),
        "train.length": f"{steps} steps",
        "train.mixed_precision": "bf16",
        "train.device": options.device,
        "prior.weight": 0,
        "data.resolution": side,
        "samples.every": "0",
        "samples.at_start": False,
        "samples.steps": 2,
        "evaluation.every": "0",
    }
    content: dict[str, Any] = {"concepts": [{"folder": str(folder), "instance_prompt": "a photo of sks star"}]}
    for name, value in {**common, **changes}.items():
        group, _, option = name.rpartition(".")
        (content.setdefault(group, {}) if group else content)[option] = value
    return from_dict(content)


def measure(home: Path, options: argparse.Namespace, row: Row) -> None:
    """Do the row's run, and fill in what it took."""
    sampled = {"samples.prompts": ["a photo of sks star"]} if row.limit else {}
    settings = settings_of(home, options, options.size, {**row.changes, **sampled}, WARM_UP + MEASURED)
    row.remark = why_unavailable(settings.optimizer.name, options.device == "cuda")
    if row.remark:
        return
    if options.size == "sd15":
        row.estimate = needed_bytes(settings) / 2**30
    try:
        with limited(row.limit if options.device == "cuda" else 0), mock.patch("sd_finetune.training.loop.save_result"):
            run_and_measure(home, settings, row)
    except torch.cuda.OutOfMemoryError:
        row.remark = "FAILED: out of memory"
    except Exception as error:  # the other rows are still worth their time
        row.remark = f"FAILED: {type(error).__name__}: {error}"


def run_and_measure(home: Path, settings: Settings, row: Row) -> None:
    forget_peaks()
    training = prepare(RunFolder.create(home / "runs", "memory", settings), resume=False)
    row.prepare, _ = peaks()
    forget_peaks()
    outcome = train(training)
    if isinstance(outcome, Error):
        raise RuntimeError(outcome.message)
    if row.limit:
        write_snapshot(
            home / "snapshots", 1, training.method.trained_tensors(), training.optimizer, settings.optimizer.name
        )
    row.reserved, row.allocated = peaks()
    steps = [event for event in read_events(training.run.events)[0] if isinstance(event, Step)]
    row.losses = [step.loss for step in steps]
    times = [step.time for step in steps][WARM_UP - 1 :]
    row.ms = 1000 * statistics.median(b - a for a, b in itertools.pairwise(times))
    if not all(math.isfinite(loss) for loss in row.losses):
        row.remark = "FAILED: a loss is not finite"


@contextmanager
def limited(gigabytes: int) -> Iterator[None]:
    """As on a card of that size; 0 = as it is."""
    if not gigabytes:
        yield
        return
    torch.cuda.set_per_process_memory_fraction(gigabytes * 1e9 / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def forget_peaks() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peaks() -> tuple[float, float]:
    """GiB reserved and allocated at most."""
    if not torch.cuda.is_available():
        return 0.0, 0.0
    return torch.cuda.max_memory_reserved() / 2**30, torch.cuda.max_memory_allocated() / 2**30


def agreement(home: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """How far losses of ten steps of the toy differ between ways that should not differ, and how far they may."""
    changes = {"method": "dreambooth", "train.unet_learning_rate": 1e-4, "train.max_grad_norm": 0}
    fused = {"train.fused_backward": True}
    pairs = [
        ("fused, fp32", {}, fused, 0.01),
        ("fused, bf16", BF16, {**BF16, **fused}, 0.01),
        ("bf16 and fp32, AdamW", {}, BF16, 0.05),
        ("bf16 and fp32, Adafactor", FACTORED, {**FACTORED, **BF16}, 0.05),
    ]
    found = []
    for name, one, other, tolerance in pairs:
        losses = []
        for way in (one, other):
            settings = settings_of(home, options, "toy", {**changes, **way}, 10)
            with mock.patch("sd_finetune.training.loop.save_result"):
                training = prepare(RunFolder.create(home / "runs", "toy", settings), resume=False)
                train(training)
            losses.append([e.loss for e in read_events(training.run.events)[0] if isinstance(e, Step)])
        difference = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
        found.append({"pair": name, "difference": difference, "may be": tolerance, "agree": difference <= tolerance})
    return found


def table(found: list[Row], agreed: list[dict[str, Any]], on_gpu: bool) -> Iterator[str]:
    headings = {"method": -18, "settings": -30, "limit": 6, "ms": 7, "prepare": 9, "reserved": 10, "allocated": 11}
    yield (
        "".join(f"{name:<{-width}}" if width < 0 else f"{name:>{width}}" for name, width in headings.items())
        + "  estimate"
    )
    for row in found:
        line = f"{row.method:18}{row.settings:30}{f'{row.limit} GB' if row.limit else '-':>6}"
        if row.losses:
            figures = [row.prepare, row.reserved, row.allocated]
            told = [f"{figure:.2f}" if on_gpu else "-" for figure in figures]
            estimate = f"{row.estimate:.2f}" if row.estimate else "-"
            line += f"{row.ms:>7.0f}{told[0]:>9}{told[1]:>10}{told[2]:>11}{estimate:>10}"
        yield f"{line}  {row.remark}".rstrip()
    for pair in agreed:
        verdict = "agree" if pair["agree"] else "FAILED: differ"
        yield f"losses of the toy, {pair['pair']}: {verdict} ({pair['difference']:.1e} of {pair['may be']:g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--size", choices=tuple(SIZES), default="sd15")
    parser.add_argument("--budget", type=float, default=220, help="seconds after which no row is begun any more")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    started, found = time.perf_counter(), rows()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for size in {"toy", options.size}:
            random_checkpoint(home / f"{size}.safetensors", SIZES[size][0])
        agreed = agreement(home, options)
        for row in found:
            row.remark = "left out: no time"
            if time.perf_counter() - started < options.budget:
                measure(home, options, row)
            print(f"{time.perf_counter() - started:.0f} s: {row.method}, {row.settings} {row.remark}", flush=True)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    about = {"device": name, "torch": torch.__version__, "size": options.size, "seconds": time.perf_counter() - started}
    result = {**about, "rows": [asdict(row) for row in found], "agreement": agreed}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result))
    print(f"{name}, torch {torch.__version__}, {options.size}, forward pass in bf16, GiB, ms a step")
    print("\n".join(table(found, agreed, options.device == "cuda")))
    failed = any("FAILED" in row.remark for row in found) or not all(pair["agree"] for pair in agreed)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
