"""What presets tell to expect: `python -m benchmarks.presets [--write] [NAME ...]` measures and writes it into files.

VRAM is the estimate of `sd_finetune.vram`. Losses and the time of a step are those of short runs on the toy, 64 pixels,
on the CPU: the star with a ring as class images, `STEPS` steps without warmup for each of `SEEDS`. The time of a run is
its steps times CPU seconds of a step, relative to the default preset of the method, which takes turns with it.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

import torch

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.formats.known_base import resolved
from sd_finetune.presets.changes import changes_of
from sd_finetune.presets.expected import Expected, estimated_vram, expected_table
from sd_finetune.presets.preset import Preset, settings_of
from sd_finetune.presets.shelf import Kept, our_presets
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Done, Step, read_events
from sd_finetune.settings.duration import Duration
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import from_dict
from sd_finetune.settings.toml import toml_text
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare

STEPS = 8
SEEDS = range(6)
MARGIN = 0.2
"""By which a loss may be less or more than any that was measured, as a share of it: other seeds, other machines."""
WARM = 2
"""Steps that are not timed."""


def short_settings(preset: Preset, seed: int) -> Settings:
    """A preset's settings for a short run on the toy."""
    star, ring = SUBJECTS["star"], SUBJECTS["ring"]
    content: dict[str, dict[str, object]] = {
        "base": {"checkpoint": str(TOY_CHECKPOINT)},
        "output": {"name": "sks star", "precision": "fp32"},
    }
    for name, change in changes_of(preset, {}).items():
        group, _, option = name.partition(".")
        if option:
            content.setdefault(group, {})[option] = change.now
    concept = {"folder": str(star.folder), "class_folder": str(ring.folder), "class_prompt": ring.class_prompt}
    concept["instance_prompt"] = star.prompt
    settings = resolved(from_dict({**content, "method": preset.method, "concepts": [concept]}))
    return replace(
        settings,
        train=replace(settings.train, length=Duration(STEPS, "steps"), device="cpu", seed=seed),
        schedule=replace(settings.schedule, warmup=Duration(0, "steps")),
        evaluation=replace(settings.evaluation, every=replace(settings.evaluation.every, amount=0)),
    )


def short_run(preset: Preset, folder: Path, seed: int) -> tuple[list[float], list[float]]:
    """The losses of a short run, and CPU seconds of its steps. Raises RuntimeError if it does not finish."""
    run = RunFolder.create(folder, "preset", short_settings(preset, seed))
    training = prepare(run, resume=False)
    ends: list[float] = []
    append = training.events.append

    def timed(event: object) -> None:
        append(event)  # type: ignore[arg-type]
        if isinstance(event, Step):
            ends.append(time.process_time())

    training.events.append = timed  # type: ignore[method-assign]
    outcome = train(training)
    if not isinstance(outcome, Done):
        raise RuntimeError(f"{preset.name}: {outcome}")
    losses = [event.loss for event in read_events(run.events)[0] if isinstance(event, Step)]
    return losses, [later - earlier for earlier, later in zip(ends[WARM:], ends[WARM + 1 :], strict=False)]


def expected_of(preset: Preset, usual: Preset) -> Expected:
    """What is measured of a preset. usual: the default one of its method."""
    losses: list[float] = []
    own: list[float] = []
    others: list[float] = []
    with TemporaryDirectory() as folder:
        for seed in SEEDS:
            found, seconds = short_run(preset, Path(folder), seed)
            losses.append(mean(found))
            own += seconds
            others += seconds if preset == usual else short_run(usual, Path(folder), seed)[1]
    steps = settings_of(preset).train.length.amount
    share = steps * median(own) / (settings_of(usual).train.length.amount * median(others))
    loss = (_short(min(losses) * (1 - MARGIN)), _short(max(losses) * (1 + MARGIN)))
    return Expected(steps, _short(share), estimated_vram(settings_of(preset)), loss)


def write(path: Path, expected: Expected) -> None:
    """Put it behind the table [preset] of a file, in place of what stood there."""
    text = re.sub(r"\[expected\]\n.*?\n\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    head, _, rest = text.partition("\n\n")
    table = toml_text({"expected": expected_table(expected)})
    path.write_text(f"{head}\n\n{table}\n{rest}", encoding="utf-8")


def _short(number: float) -> float:
    return float(f"{number:.2g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print it for each preset, or for those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="presets; by default all")
    parser.add_argument("--write", action="store_true", help="also write it into the presets' files")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    usual = {p.preset.method: p.preset for p in our_presets() if p.preset and p.key.endswith("-subject")}
    for kept in our_presets():
        if kept.preset and (not options.names or kept.key in options.names):
            _measure(kept, kept.preset, usual[kept.preset.method], options.write)


def _measure(kept: Kept, preset: Preset, usual: Preset, writing: bool) -> None:
    expected = expected_of(preset, usual)
    print(f"{kept.key}: {expected_table(expected)}", flush=True)
    if writing:
        write(kept.path, expected)


if __name__ == "__main__":
    main()
