"""The losses and learning rates of every step as a table, `loss.csv` in the run folder."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

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


def _text(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def cut_losses(table: Path, last_step: int) -> None:
    """Remove the steps after `last_step`, which a resumed run repeats."""
    if not table.exists():
        return
    with table.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    with replacing(table) as path, path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *(row for row in rows if int(row[0]) <= last_step)])
