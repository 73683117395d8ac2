"""How well each method learns the toy's subject, and what its prior is worth.

    python benchmarks/quality.py [--methods lora] [--priors off images] [--seeds 3] [--pictures 200] [--json FILE]

Trains the demo's settings with each kind of prior, once for each seed, and prints one table of means over seeds.
Goals: fidelity >= 85 % within 400 steps; with the prior at most 0.74 times the class drift without it, at most 4 points
of fidelity lost (the relation of DreamBooth's own ablation, arXiv 2208.12242, table 3).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parents[1]))

from sd_finetune.commands.demo import METHODS
from sd_finetune.demo.run import demo_settings, load_base, load_result
from sd_finetune.demo.score import Score, read_class, score
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Saved, read_events
from sd_finetune.settings.options import Settings
from sd_finetune.training.worker import work

PRIORS = ("off", "images", "model")
SCORE_SEED = 50_000
DRIFT_GOAL, FIDELITY_GOAL, FIDELITY_LOSS_GOAL = 0.74, 0.85, 0.04


def settings_for(method: str, prior: str, seed: int) -> Settings:
    """The demo's settings with another seed and prior ("off" or a source); nothing is drawn on the way."""
    settings = demo_settings(method)
    off = replace(settings.evaluation, every=type(settings.evaluation.every)(0))
    return replace(
        settings,
        train=replace(settings.train, seed=seed),
        prior=replace(settings.prior, weight=0.0) if prior == "off" else replace(settings.prior, source=prior),
        samples=replace(settings.samples, prompts=()),
        evaluation=off,
    )


def train(settings: Settings, folder: Path) -> Path:
    """Train in this process; the file that it made."""
    run = RunFolder.create(folder, settings.output.name, settings)
    if work(run.path, resume=False) != 0:
        raise SystemExit(f"the run in {run.path} failed")
    return Path([e for e in read_events(run.events)[0] if isinstance(e, Saved)][-1].path)


def averages(scores: list[Score]) -> dict[str, float]:
    """The mean of each number over seeds."""
    rows = [asdict(s) for s in scores]
    return {name: mean(row[name] for row in rows) for name in rows[0]}


def verdict(name: str, with_prior: dict[str, float], without: dict[str, float]) -> str:
    """The goals beside what was reached, in one line."""
    ratio = with_prior["class_drift"] / without["class_drift"] if without["class_drift"] else float("nan")
    lost = without["fidelity"] - with_prior["fidelity"]
    met = ratio <= DRIFT_GOAL and lost <= FIDELITY_LOSS_GOAL and with_prior["fidelity"] >= FIDELITY_GOAL
    return (
        f"{name}: fidelity {with_prior['fidelity']:.1%} (goal >= {FIDELITY_GOAL:.0%}), drift {ratio:.2f} x "
        f"(goal <= {DRIFT_GOAL}), fidelity lost {lost * 100:.1f} points (goal <= {FIDELITY_LOSS_GOAL * 100:.0f}): "
        f"{'met' if met else 'NOT met'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("lora", "dreambooth"))
    parser.add_argument("--priors", nargs="+", choices=PRIORS, default=("off", "images"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=200, help="pictures for each of the three prompts")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    base_class = read_class(load_base(), options.pictures, SCORE_SEED)
    rows = {"base": averages([score(load_base(), base_class, options.pictures, SCORE_SEED)])}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in options.methods:
            for prior in options.priors:
                name, scores, started = f"{method}, prior {prior}", [], time.perf_counter()
                results = [train(settings_for(method, prior, s), Path(folder)) for s in range(1, options.seeds + 1)]
                seconds[name] = (time.perf_counter() - started) / options.seeds
                for result in results:
                    scores.append(score(load_result(method, result), base_class, options.pictures, SCORE_SEED))
                rows[name] = averages(scores)
                print(f"{name}: {[asdict(s) for s in scores]}", flush=True)
    print("\n| | fidelity | class drift | leaked | editability | s a run |\n|---|---|---|---|---|---|")
    for name, row in rows.items():
        took = f"{seconds[name]:.0f}" if name in seconds else ""
        shares = (row["fidelity"], row["class_drift"], row["leaked"], row["editability"])
        print(f"| {name} | {' | '.join(f'{s:.1%}' for s in shares)} | {took} |")
    for name, row in rows.items():
        without = rows.get(f"{name.partition(',')[0]}, prior off")
        if without and not name.endswith("off"):
            print(verdict(name, row, without))
    if options.json:
        options.json.write_text(json.dumps({"means": rows, "seconds a run": seconds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
