"""A run from the folder's settings to its last event; whatever goes wrong becomes an event that a person can act on."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import torch

from ..errors import UserError
from ..runs.folder import RunFolder
from ..runs.messages import Done, Error, EventLog
from .loop import train
from .prior.class_run import missing_class_pictures
from .setup import prepare


def work(run_dir: Path, resume: bool, only_class_images: bool = False, weights: Path | None = None) -> int:
    """Do the run, or only draw its missing class pictures; `weights` as in `base.read_base`.

    The exit code is 0 if it finished or was stopped, 1 if it failed (the log has the traceback).
    """
    run = RunFolder(run_dir)
    if not run.settings.is_file():
        print(f"{run_dir} is no run folder: it has no settings.json.", file=sys.stderr)
        return 2
    events = EventLog(run.events)
    try:
        outcome: Done | Error = _draw(run, weights) if only_class_images else train(prepare(run, resume, weights))
    except UserError as error:
        traceback.print_exc()
        outcome = Error(message=str(error))
    except torch.cuda.OutOfMemoryError:
        traceback.print_exc()
        outcome = Error(
            message="The GPU's memory did not suffice: turn on train.gradient_checkpointing, use bf16 or fp16, "
            "or lower data.resolution or train.batch_size."
        )
    except Exception as error:
        traceback.print_exc()
        outcome = Error(
            message=f"The run failed with {type(error).__name__}: {error}; {run.log.name} in the run folder has more."
        )
    if isinstance(outcome, Done) and outcome.outcome == "finished":
        run.prior_bank.unlink(missing_ok=True)
    events.append(outcome)
    return 0 if isinstance(outcome, Done) else 1


def _draw(run: RunFolder, weights: Path | None) -> Done:
    missing_class_pictures(run.read_settings(), run.path.parent, EventLog(run.events).append, weights)
    return Done(step=0, outcome="finished")
