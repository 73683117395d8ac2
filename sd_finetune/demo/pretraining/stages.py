"""A stage of a pretraining: its steps can be interrupted and resumed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ...optimizers.schedules import learning_rate_factor
from ...runs.moving import replace_file
from ...settings.groups.optimizer import Schedule

WARMUP_STEPS = 100
SAVE_EVERY = 300


def remaining_steps(path: Path, parts: Mapping[str, Any], total: int) -> Iterator[int]:
    """The remaining steps; loads the parts from `path` first, and saves them there every SAVE_EVERY steps."""
    done = 0
    if path.exists():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        done = saved["done"]
    for step in range(done, total):
        yield step
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == total:
            state = {name: part.state_dict() for name, part in parts.items()}
            save_via(path, lambda p, state=state, step=step: torch.save({**state, "done": step + 1}, p))


def set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    """The learning rate of a step: warmup, then a cosine."""
    for group in optimizer.param_groups:
        group["lr"] = peak * learning_rate_factor(Schedule("cosine"), step, steps, WARMUP_STEPS)


def save_via(path: Path, write: Any) -> None:
    """Save a file that is there whole or not at all."""
    unfinished = path.with_name("unfinished-" + path.name)
    write(unfinished)
    replace_file(unfinished, path)


_started = time.monotonic()


def print_progress(what: str, step: int, steps: int, loss: float) -> None:
    """A line every hundred steps."""
    if step % 100 == 0:
        print(f"{what} {step}/{steps} loss {loss:.4f} {time.monotonic() - _started:.0f} s", flush=True)
