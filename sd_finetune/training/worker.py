"""Does a run, from the settings in its folder to its last event; any failure becomes an error event."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from ..errors import UserError
from ..runs.folder import RunFolder
from ..runs.messages import Done, Error, EventLog
from .loop import train
from .orders import Orders, StopAsked, ended_early, orders_of
from .output.snapshots import remove_snapshots
from .prior.class_run import generate_missing_class_images
from .setup import prepare

OUT_OF_MEMORY = (
    "CUDA out of memory: turn on train.gradient_checkpointing, set train.mixed_precision to bf16 or fp16, "
    "lower train.batch_size or data.resolution, "
    "or, for DreamBooth, set optimizer.name to adafactor and train.weights to bf16."
)
OUT_OF_MEMORY_IN_CLASS_IMAGES = "CUDA out of memory while generating class images: lower class_images.batch_size."


def work(
    run_dir: Path,
    resume: bool,
    only_class_images: bool = False,
    weights: Path | None = None,
    orders: Orders | None = None,
) -> int:
    """Do the run, or only generate its missing class images; `weights` and `orders` as in `setup.prepare`.

    Returns the exit code: 0 finished or stopped, 1 failed (the traceback is in the log).
    """
    run = RunFolder(run_dir)
    events = EventLog(run.events)
    orders = orders or orders_of(run)
    try:
        outcome: Done | Error = (
            _generate_class_images(run, weights, orders)
            if only_class_images
            else train(prepare(run, resume, weights, orders))
        )
    except StopAsked:
        outcome = ended_early(run, orders)
    except UserError as error:
        traceback.print_exc()
        outcome = Error(message=str(error))
    except torch.cuda.OutOfMemoryError:
        traceback.print_exc()
        outcome = Error(message=OUT_OF_MEMORY_IN_CLASS_IMAGES if only_class_images else OUT_OF_MEMORY)
    except Exception as error:
        traceback.print_exc()
        outcome = Error(
            message=f"The run failed with {type(error).__name__}: {error} (see {run.log.name} in the run folder)."
        )
    orders.settle()
    events.append(outcome)
    if isinstance(outcome, Done) and outcome.outcome == "finished":
        _tidy(run)
    return 0 if isinstance(outcome, Done) else 1


def _tidy(run: RunFolder) -> None:
    """Remove what only a run that is not finished needs."""
    run.prior_bank.unlink(missing_ok=True)
    if not run.read_settings().snapshots.at_end:
        remove_snapshots(run.snapshots, keep=0)


def _generate_class_images(run: RunFolder, weights: Path | None, orders: Orders) -> Done:
    emit = EventLog(run.events).append
    generate_missing_class_images(run.read_settings(), run.path.parent, emit, weights, orders.check)
    return Done(step=0, outcome="finished")
