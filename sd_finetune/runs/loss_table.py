"""The losses and learning rates of every step as a table, `loss.csv` in the run folder."""

from __future__ import annotations

import csv
from pathlib import Path

from .atomic import replacing
from .messages import Step

COLUMNS = ("step", "epoch", "loss", "instance_loss", "prior_loss")
"""Followed by a column for each learning rate."""


def append_losses(table: Path, event: Step) -> None:
    """Append a step as a row; the first one adds the header."""
    new = not table.exists()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow([*COLUMNS, *event.learning_rates])
        prior_loss = "" if event.prior_loss is None else event.prior_loss
        losses = (event.loss, event.instance_loss, prior_loss)
        writer.writerow([event.step, event.epoch, *losses, *event.learning_rates.values()])


def cut_losses(table: Path, last_step: int) -> None:
    """Remove the steps after `last_step`, which a resumed run repeats."""
    if not table.exists():
        return
    with table.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    with replacing(table) as path, path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *(row for row in rows if int(row[0]) <= last_step)])
