"""What is needed to go on with a run: trained values, optimizer, step. Everything random follows from the step."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from ...errors import UserError
from ...optimizers.kept_state import kept_state, put_back
from ...runs.atomic import replacing
from ...runs.snapshots import MARKER, all_snapshots, is_finished, snapshot_folder
from ..device import HasState


def write_snapshot(
    snapshots: Path,
    step: int,
    trained: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    name: str,
    scaler: HasState | None = None,
) -> Path:
    """Write `step-000123/` in `snapshots`, its marker last, and then remove older ones.

    name: the optimizer's, in the settings. scaler: fp16's, of the loss.

    Raises:
        UserError: it cannot be written; an earlier snapshot stays.
    """
    folder = snapshot_folder(snapshots, step)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _fill(folder, step, trained, kept_state(optimizer, name), scaler)
    except (SafetensorError, RuntimeError, OSError) as error:  # as safetensors and torch say that the disk is full
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"The snapshot {folder} cannot be written ({error}): free some space, then resume.") from error
    for other in all_snapshots(snapshots):
        if other != folder:
            shutil.rmtree(other)
    return folder


def _fill(
    folder: Path,
    step: int,
    trained: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    scaler: HasState | None,
) -> None:
    folder.mkdir(parents=True)
    values = {name: value.detach().cpu().contiguous() for name, value in trained.items()}
    with replacing(folder / "trained.safetensors") as path:
        save_file(values, path)
    with replacing(folder / "optimizer.pt") as path:
        torch.save(optimizer, path)
    with replacing(folder / MARKER) as path:
        path.write_text(json.dumps({"step": step, "scaler": scaler.state_dict() if scaler else {}}), encoding="utf-8")


def read_snapshot(
    folder: Path, optimizer: torch.optim.Optimizer, name: str, scaler: HasState | None = None
) -> tuple[int, dict[str, Tensor]]:
    """The step and the trained values; optimizer and scaler take their state over, learning rates and decays stay.

    Arguments are those of `write_snapshot`.

    Raises:
        UserError: it is unfinished, damaged, or of another optimizer.
    """
    if not is_finished(folder):
        raise UserError(f"{folder} was never finished: choose another snapshot or start the run anew.")
    try:
        kept: dict[Any, Any] = torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)
        trained = load_file(folder / "trained.safetensors")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise UserError(f"The snapshot {folder} is damaged or not one of ours: start the run anew.") from error
    put_back(optimizer, name, kept)
    marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    if scaler and marker.get("scaler"):  # none where the run was in another precision before
        scaler.load_state_dict(marker["scaler"])
    return int(marker["step"]), trained
