"""What training in less VRAM costs in quality, on the toy.

    python -m benchmarks.low_memory_quality [--methods lora dreambooth] [--seeds 2] [--images 60] [--json FILE]

Trains the demo's settings, with class images, plainly and in each of these ways, once for each seed, and prints a table
of means over seeds. Goal: no way's fidelity is more than 5 points below the plain one's. An optimizer that needs other
learning rates than AdamW (`Settings.rate_share`) gets that share of the demo's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.quality import Bench, settings_for
from sd_finetune.families.sd1.presets import BF16 as PRESETS
from sd_finetune.settings.availability import why_unavailable
from sd_finetune.settings.options import Settings
from sd_finetune.settings.rates import Rates

PLAIN = "fp32, AdamW"
METHODS = ("lora", "dreambooth", "textual-inversion", "hypernetwork")
CHANGES_NOTHING = ("train.gradient_checkpointing", "data.", "class_images.", "samples.")
"""Of a preset: what trains the same to the bit (tests/recipe/test_fast_paths.py), or does not train."""
MIXED = {"train.mixed_precision": "bf16"}
BF16 = {**MIXED, "train.weights": "bf16"}
FUSED = {"train.fused_backward": True, "train.clip_by": "parameter_norm"}
EIGHT_BIT: dict[str, dict[str, Any]] = {
    "bf16 weights, AdamW 8-bit, fused": {**BF16, **FUSED, "optimizer.name": "adamw8bit"},
    "bf16 weights, Lion 8-bit, fused": {**BF16, **FUSED, "optimizer.name": "lion8bit"},
}
"""Beside the presets, which need no package."""
FROZEN: dict[str, dict[str, Any]] = {
    f"frozen weights in {kind}": {"train.frozen_weights": kind} for kind in ("int8", "fp8")
}
MOST_LOST = 0.05


def ways(method: str) -> dict[str, dict[str, Any]]:
    """By what they are called, the settings that all presets of a method have, and those with states of 8 bits."""
    found: dict[str, dict[str, Any]] = {PLAIN: {}}
    for preset in PRESETS:
        if preset.method == method.replace("-", "_"):
            own = {name: value for name, value in preset.settings.items() if not name.startswith(CHANGES_NOTHING)}
            found.setdefault(_words(own), own)
    return found | (EIGHT_BIT if method == "dreambooth" else FROZEN)


def _words(changes: Mapping[str, Any]) -> str:
    told = {
        "train.mixed_precision": "mixed precision bf16",
        "optimizer.name": "Adafactor",
        "train.weights": "bf16 weights",
        "train.fused_backward": "fused",
    }
    plain = ("fp32", False, None)
    return ", ".join(words for name, words in told.items() if changes.get(name) not in plain)


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The same with other options, "group.option": value, and its rates as the optimizer means them."""
    for name, value in changes.items():
        group, _, option = name.partition(".")
        settings = replace(settings, **{group: replace(getattr(settings, group), **{option: value})})
    share = settings.rate_share()
    train, word = settings.train, settings.textual_inversion
    return replace(
        settings,
        train=replace(
            train,
            unet_learning_rate=_scaled(train.unet_learning_rate, share),
            text_encoder_learning_rate=_scaled(train.text_encoder_learning_rate, share),
        ),
        textual_inversion=replace(word, learning_rate=_scaled(word.learning_rate, share)),
    )


def _scaled(rates: Rates | None, share: float) -> Any:
    return rates and Rates(rates.first * share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("lora", "dreambooth"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--images", type=int, default=60, help="images for each of the three prompts")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    bench, verdicts = Bench(options.seeds, options.images), []
    with tempfile.TemporaryDirectory() as folder:
        for method in options.methods:
            for way, changes in ways(method).items():
                seeds = [changed(settings_for(method, None, "images", 1 + s), changes) for s in range(options.seeds)]
                unavailable = why_unavailable("optimizer.name", seeds[0].optimizer.name, on_gpu=False)
                if unavailable:
                    print(f"{method}, {way}: {unavailable}")
                else:
                    bench.measure(f"{method}, {way}", method, seeds, Path(folder))
            verdicts += _verdicts(bench, method)
    print("", bench.table(), *verdicts, sep="\n")
    if options.json:
        options.json.write_text(
            json.dumps({"means": bench.rows, "seconds a run": bench.seconds}, indent=2) + "\n", encoding="utf-8"
        )


def _verdicts(bench: Bench, method: str) -> list[str]:
    """The goal beside what was reached, a line for each way."""
    plain = bench.rows[f"{method}, {PLAIN}"]["fidelity"]
    lines = []
    for name, row in bench.rows.items():
        if name.startswith(f"{method}, ") and not name.endswith(PLAIN):
            lost = plain - row["fidelity"]
            met = "met" if lost <= MOST_LOST else "NOT met"
            lines.append(f"{name}: {lost * 100:.1f} points of fidelity lost (goal <= {MOST_LOST * 100:.0f}): {met}")
    return lines


if __name__ == "__main__":
    main()
