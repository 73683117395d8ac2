"""The losses and learning rates of every step as a table, `loss.csv` in the run folder."""

from __future__ import annotations

import csv
import io
import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from .atomic import replacing, write_all
from .messages import Step

COLUMNS = ("step", "epoch", "loss", "instance_loss", "prior_loss")
"""Followed by a column for each learning rate."""


def append_losses(table: Path, event: Step) -> None:
    """Append a step as a row, whole or not at all; the first one adds the header.

    Raises:
        OSError: it cannot be written.
    """
    prior_loss = "" if event.prior_loss is None else event.prior_loss
    losses = (event.loss, event.instance_loss, prior_loss)
    row = [event.step, event.epoch, *losses, *event.learning_rates.values()]
    with table.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        header = [] if end else [[*COLUMNS, *event.learning_rates]]
        try:
            write_all(file, _text([*header, row]))
        except OSError:
            file.truncate(end)
            raise


def read_losses(table: Path) -> list[float]:
    """The instance losses of all steps, without rows that cannot be read."""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    except OSError:
        return []
    found: list[float] = []
    for line in lines:
        with suppress(ValueError, IndexError):
            found.append(float(line.split(",")[COLUMNS.index("instance_loss")]))
    return [loss for loss in found if math.isfinite(loss)]


def _text(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def cut_losses(table: Path, last_step: int) -> None:
    """Remove the steps after `last_step`, which a resumed run repeats, and lines that a crash has damaged."""
    try:
        text = table.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    header, *rows = text.splitlines() or [""]
    kept = [row for row in rows if 0 < _step_of(row) <= last_step]
    with suppress(UserError), replacing(table) as path:
        path.write_text("\r\n".join([header, *kept, ""]) if header else "", encoding="utf-8", newline="")


def _step_of(row: str) -> int:
    """The step of a row, 0 for what is none."""
    number = row.partition(",")[0]
    return int(number) if number.isascii() and number.isdecimal() and "\0" not in row else 0
