"""The worker is killed at random moments of every phase, and the run is resumed until it is finished."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.follow import follow
from sd_finetune.runs.launch import start_worker
from sd_finetune.runs.messages import Done, Error, Event, Phase, Sample, Saved, Step
from sd_finetune.runs.owner import own
from sd_finetune.runs.snapshots import finished_snapshots, latest_snapshot
from sd_finetune.settings.options import Settings
from sd_finetune.ui.live.run_view import RunView
from tests.toy import ROWS, Toy, events_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")

STEPS = 24
CHANGES: dict[str, Any] = {
    "train.length": f"{STEPS} steps",
    "prior.weight": 1.0,
    "samples.prompts": ["a photo of sks star"],
    "samples.every": "4 steps",
    "snapshots.every": "2 steps",
    "snapshots.at_end": True,
    "output.save_every": "6 steps",
    "class_images.steps": 3,
    "class_images.batch_size": 1,
    "concepts.class_images": 6,
}
METHODS = {
    "lora": ROWS["lora"],
    "textual_inversion": ROWS["textual_inversion"],
    "hypernetwork": {**ROWS["hypernetwork"], "hypernetwork.dropout_structure": "0, 0.3, 0"},
    "dreambooth": {**ROWS["dreambooth"], "prior.source": "model"},
}
MOMENTS: dict[str, Callable[[Event], bool]] = {
    "starting": lambda event: True,
    "loading": lambda event: isinstance(event, Phase) and event.name == "loading",
    "class images": lambda event: isinstance(event, Phase) and event.name == "generating class images",
    "prior predictions": lambda event: isinstance(event, Phase) and event.name.startswith("precomputing"),
    "encoding": lambda event: isinstance(event, Phase) and event.name.startswith("encoding"),
    "training": lambda event: isinstance(event, Step),
    "samples": lambda event: isinstance(event, Sample),
    "saving": lambda event: isinstance(event, Phase) and event.name == "saving",
    "saved": lambda event: isinstance(event, Saved),
}
LATEST_SECONDS = 0.3
"""How long after the moment the kill comes at most."""


@dataclass
class Kill:
    moment: str
    told_after: float


def killed_once(run: RunFolder, moment: str, chance: random.Random) -> Kill | None:
    """Start or resume the run and kill its worker around a moment; None if it was finished before that."""
    since = run.events.stat().st_size if run.events.exists() else 0
    with own(run):
        worker = start_worker(run, *(["--resume"] if latest_snapshot(run) else []))
        killed_at = 0.0
        skip = chance.randint(0, 4) if moment in ("training", "encoding", "class images") else 0

        def kill() -> None:
            nonlocal killed_at
            time.sleep(chance.uniform(0, LATEST_SECONDS))
            os.kill(worker.pid, signal.SIGKILL)
            killed_at = time.monotonic()

        if moment == "starting":
            kill()
        last: Event | None = None
        for event in follow(run, worker, since=since):
            last = event
            if not killed_at and moment != "starting" and MOMENTS[moment](event):
                skip -= 1
                if skip < 0:
                    kill()
        told = time.monotonic()
        worker.wait()
    if not killed_at or isinstance(last, Done):
        return None
    assert isinstance(last, Error)
    assert "was killed by SIGKILL" in last.message
    return Kill(moment, told - killed_at)


def refuse_broken_files(run: RunFolder, class_images: Path) -> None:
    """Every file under a final name is whole."""
    for file in [*run.output.rglob("*"), *run.snapshots.rglob("trained.safetensors")]:
        if file.suffix in (".safetensors", ".pt") and not file.name.startswith("."):
            assert read_tensors(file).tensors if file.suffix == ".safetensors" else torch.load(file, weights_only=False)
    for folder in finished_snapshots(run.snapshots):
        torch.load(folder / "optimizer.pt", weights_only=True)
    for file in [*run.samples.glob("*.png"), *class_images.rglob("*.png")]:
        if not file.name.startswith("."):
            with Image.open(file) as image:
                image.load()


def finish(run: RunFolder) -> None:
    with own(run):
        worker = start_worker(run, *(["--resume"] if latest_snapshot(run) else []))
        assert worker.wait() == 0, run.log.read_text()[-3000:]
    assert events_of(run, Done)[-1].outcome == "finished"


def trained_values(run: RunFolder) -> dict[str, list[Any]]:
    """The trained values of the last snapshot, which are what the result is made of."""
    snapshot = latest_snapshot(run)
    assert snapshot is not None
    return {
        name: value.flatten().tolist() for name, value in read_tensors(snapshot / "trained.safetensors").tensors.items()
    }


def test_killed_at_any_moment_it_ends_as_if_undisturbed(
    toy: Toy, tmp_path: Path, long: bool, measured: Callable[[str], None]
) -> None:
    chance, kills, wanted = random.Random(5), [], 30 if long else 2
    methods = METHODS if long else {"lora": METHODS["lora"]}
    moments = cycle(MOMENTS) if long else cycle(["training"])
    for number, (method, changes) in enumerate(methods.items()):
        undisturbed = toy.run({**CHANGES, **changes, "class_images.cache_folder": str(tmp_path / f"{method}-a")})
        finish(undisturbed)
        disturbed = toy.run({**CHANGES, **changes, "class_images.cache_folder": str(tmp_path / f"{method}-b")})
        while len(kills) < wanted * (number + 1) // len(methods):
            kill = killed_once(disturbed, next(moments), chance)
            refuse_broken_files(disturbed, tmp_path / f"{method}-b")
            if kill is None:  # it was resumed beyond that moment, to its end: begin anew
                assert trained_values(disturbed) == trained_values(undisturbed)
                disturbed = toy.run({**CHANGES, **changes, "class_images.cache_folder": str(tmp_path / f"{method}-c")})
                continue
            assert RunView(disturbed).status(0)["state"] == "failed"
            kills.append(kill)
        finish(disturbed)
        assert trained_values(disturbed) == trained_values(undisturbed), method
    slowest = max(kill.told_after for kill in kills)
    assert slowest < 5
    found = sorted({kill.moment for kill in kills})
    measured(
        f"{len(kills)} kills over {len(methods)} methods ({', '.join(found)}): no broken file, told after "
        f"{slowest:.1f} s at most, every resumed run equal to the bit"
    )


def test_by_default_at_most_ten_minutes_are_lost() -> None:
    assert 0 < Settings().snapshots.every_minutes <= 10
