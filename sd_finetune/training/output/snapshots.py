"""What is needed to go on with a run: trained values, optimizer, step. Everything random follows from the step."""

from __future__ import annotations

import pickle
import shutil
import struct
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from ...errors import NotFiniteError, UserError
from ...formats.tensor_file import write_tensors
from ...optimizers.kept_state import kept_state, put_back
from ...runs.atomic import replacing, replacing_folder
from ...runs.snapshots import (
    MARKER,
    Marker,
    all_snapshots,
    finished_snapshots,
    read_marker,
    snapshot_folder,
)
from ..device import HasState
from ..out_of_ram import is_out_of_ram


class DamagedSnapshotError(UserError):
    """A snapshot cannot be read, though an older one may be."""


def write_snapshot(
    snapshots: Path,
    step: int,
    trained: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    name: str,
    scaler: HasState | None = None,
    keep: int = 1,
    depends_on: Mapping[str, Any] | None = None,
) -> Path:
    """Write `step-000123/` in `snapshots`, whole or not at all, and then remove older ones.

    name: the optimizer's, in the settings. scaler: fp16's, of the loss. keep: how many are left, the latest.
    depends_on: see `snapshot_depends_on`.

    Raises:
        NotFiniteError: a value is NaN or infinite; nothing was written or removed.
        CannotWriteError: it cannot be written; the latest earlier one stays.
    """
    state = kept_state(optimizer, name)
    if not (all_finite(trained.values()) and all_finite(_tensors_in(state))):
        problem = f"What is trained, or what the optimizer keeps, is NaN or infinite after step {step}"
        raise NotFiniteError(f"{problem}: lower the learning rate.")
    folder = snapshot_folder(snapshots, step)
    with replacing_folder(folder) as unfinished:
        marker = Marker(step, scaler.state_dict() if scaler else {}, dict(depends_on or {}))
        _fill(unfinished, trained, state, marker)
    remove_snapshots(snapshots, keep)
    return folder


def remove_snapshots(snapshots: Path, keep: int) -> None:
    """Remove all but the latest `keep` finished snapshots, and what was never finished."""
    finished = finished_snapshots(snapshots)
    kept = finished[len(finished) - min(keep, len(finished)) :]
    for folder in all_snapshots(snapshots):
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no value is NaN or infinite; the devices are asked once each."""
    flags: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        if tensor.is_floating_point():
            flags.setdefault(tensor.device, []).append(tensor.detach().isfinite().all())
    return all(bool(torch.stack(of_device).all()) for of_device in flags.values())


def _tensors_in(values: Any) -> Iterator[Tensor]:
    """All tensors in nested dictionaries and lists."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (dict, list, tuple)):
        inner = cast("dict[Any, Any]", values).values() if isinstance(values, dict) else cast("list[Any]", values)
        for value in inner:
            yield from _tensors_in(value)


def _fill(folder: Path, trained: Mapping[str, Tensor], optimizer: Mapping[str, Any], marker: Marker) -> None:
    write_tensors(folder / "trained.safetensors", trained, {})
    with replacing(folder / "optimizer.pt") as path, path.open("wb") as file, _errors_of_disk():
        torch.save(optimizer, file)
    with replacing(folder / MARKER) as path:
        marker.write(path)


@contextmanager
def _errors_of_disk() -> Generator[None, None, None]:
    """What torch.save makes a RuntimeError without words is the OSError again that it came of."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


_UNREADABLE = (
    *(RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError),
    *(ValueError, LookupError, TypeError, AttributeError, struct.error),
)
"""What torch.load and safetensors raise for damaged files; the second line, where a byte of a pickle is another one."""


def read_snapshot(
    folder: Path, optimizer: torch.optim.Optimizer, name: str, scaler: HasState | None = None
) -> tuple[int, dict[str, Tensor]]:
    """The step and the trained values; optimizer and scaler take their state over, learning rates and decays stay.

    Arguments are those of `write_snapshot`.

    Raises:
        DamagedSnapshotError: it is unfinished or damaged; then optimizer and scaler are as they were.
        UserError: it is of another optimizer, or cannot be read just now.
    """
    marker = read_marker(folder)
    if marker is None:
        raise DamagedSnapshotError(f"{folder} was never finished: choose another snapshot or start the run anew.")
    try:
        kept: dict[Any, Any] = torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)
        trained = load_file(folder / "trained.safetensors")
    except (OSError, *_UNREADABLE) as error:
        if is_out_of_ram(error):
            raise
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):  # a drive does not answer, or so
            raise UserError(
                f"The snapshot {folder} cannot be read ({error}): try again, or remove it to resume from the one "
                "before it."
            ) from error
        raise DamagedSnapshotError(
            f"The snapshot {folder} is damaged or not one of ours: start the run anew."
        ) from error
    put_back(optimizer, name, kept)
    if scaler and marker.scaler:  # none where the run was in another precision before
        scaler.load_state_dict(marker.scaler)
    return marker.step, trained
