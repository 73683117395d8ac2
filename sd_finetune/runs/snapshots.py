"""Names of snapshots, and finding them: a folder `step-000400`, finished once the file `complete.json` is in it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..readable import json_bytes
from ..settings.catalogue import all_options
from ..settings.learned_words import OF_RUN, learned_words
from ..settings.methods import METHODS
from ..settings.option import AUTO
from ..settings.options import Settings
from ..settings.values import convert
from .folder import RunFolder
from .notes import read_note

MARKER = "complete.json"
"""The file that is written last."""
DAMAGED = "damaged.json"
"""What the marker of a snapshot is renamed to that turns out to be damaged."""
_NAME = re.compile(r"step-([0-9]+)")


def snapshot_folder(snapshots: Path, step: int) -> Path:
    """The folder of a step's snapshot in `snapshots`, whether it exists or not."""
    return snapshots / f"step-{step:06d}"


def step_of(folder: Path) -> int:
    """The step of a snapshot, by the name of its folder.

    Raises:
        ValueError: it does not have the name of a snapshot.
    """
    match = _NAME.fullmatch(folder.name)
    if match is None:
        raise ValueError(f"{folder.name} is not the name of a snapshot's folder")
    return int(match[1])


def all_snapshots(snapshots: Path) -> list[Path]:
    """The folders of all snapshots in `snapshots`, unfinished ones too, by step."""
    found = snapshots.iterdir() if snapshots.is_dir() else ()
    return sorted((folder for folder in found if _NAME.fullmatch(folder.name)), key=step_of)


@dataclass(frozen=True)
class Marker:
    """What a finished snapshot's marker says.

    scaler: fp16's loss scale. depends_on: the settings that it was made with and that its tensors depend on, by name;
    empty in snapshots of earlier versions.
    """

    step: int
    scaler: dict[str, Any]
    depends_on: dict[str, Any]

    def write(self, path: Path) -> None:
        path.write_bytes(json_bytes(asdict(self)))


def read_marker(folder: Path) -> Marker | None:
    """The marker of the snapshot in `folder`; None if that was never finished, or its marker is damaged."""
    content = read_note(folder / MARKER)
    if content is None:
        return None
    try:
        step = int(content.get("step", step_of(folder)))
        return Marker(step, dict(content.get("scaler", {})), dict(content.get("depends_on", {})))
    except (ValueError, TypeError, OverflowError):
        return None


def snapshot_depends_on(settings: Settings) -> dict[str, Any]:
    """The settings without which a snapshot's tensors mean nothing, by name, as JSON has them."""
    found: dict[str, Any] = {"method": settings.method, "train.train_text_encoder": settings.train.train_text_encoder}
    found["optimizer.name"] = settings.optimizer.name
    for name in METHODS[settings.method].fixed:
        group, _, option = name.partition(".")
        value = getattr(getattr(settings, group), option)
        found[name] = AUTO if value is None else value
    if settings.learns_word():
        words = learned_words(settings)
        found["textual_inversion.vectors"] = settings.textual_inversion.vectors
        found["concepts.word"] = [word.word if word.place != OF_RUN else "" for word in words]
        if any(found["concepts.word"]):
            found["concepts.vectors"] = [word.vectors for word in words]
    return json.loads(json_bytes(found))


def means_the_same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of an option mean the same, in whatever version of the settings they were written."""
    option = all_options()[name]
    if isinstance(one, list) and isinstance(other, list):  # of a list of groups, a value for each
        values, others = cast("list[Any]", one), cast("list[Any]", other)
        return len(values) == len(others) and all(map(partial(means_the_same, name), values, others))
    try:
        return convert(one, option) == convert(other, option)
    except ValueError:  # of an option that has other choices by now
        return one == other


def is_finished(folder: Path) -> bool:
    """Whether the snapshot in `folder` is complete."""
    return read_marker(folder) is not None


def set_aside(folder: Path) -> None:
    """Have a snapshot count as unfinished; it is removed when the next one is written."""
    with suppress(OSError):
        (folder / MARKER).replace(folder / DAMAGED)


def finished_snapshots(snapshots: Path) -> list[Path]:
    """The folders of the finished snapshots in `snapshots`, by step, the latest last."""
    return [folder for folder in all_snapshots(snapshots) if is_finished(folder)]


def latest_snapshot(run: RunFolder) -> Path | None:
    """The folder of a run's latest finished snapshot, None without one."""
    finished = finished_snapshots(run.snapshots)
    return finished[-1] if finished else None


def snapshot_step(run: RunFolder) -> int:
    """The step of a run's latest finished snapshot, 0 without one."""
    snapshot = latest_snapshot(run)
    return step_of(snapshot) if snapshot else 0


def what_is_kept(run: RunFolder) -> str:
    """A sentence about the latest snapshot, to be put behind that about an error; "" without one."""
    step = snapshot_step(run)
    return f" The snapshot of step {step:,} is kept, and the run can be resumed from it." if step else ""


def needed_snapshot(run: RunFolder, use: str, way_out: str) -> Path:
    """The folder of a run's latest finished snapshot.

    Raises:
        UserError: there is none to `use` ("resume", "continue") the run from; says the `way_out`.
    """
    snapshot = latest_snapshot(run)
    if snapshot is None:
        damaged = [folder for folder in all_snapshots(run.snapshots) if (folder / MARKER).exists()]
        if damaged:
            raise UserError(f"The snapshot {damaged[-1]} is damaged and cannot be used to {use} from: {way_out}.")
        raise UserError(f"{run.path.name} has no snapshot to {use} from: {way_out}.")
    return snapshot
