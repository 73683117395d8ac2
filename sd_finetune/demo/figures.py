"""The demo's figures: loss curves, images before and after, table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..runs.atomic import replacing
from ..runs.messages import Evaluation, Event, Step
from .score import Score

CELL = 96
"""Side of an image in the grid, in pixels; the toy's images are enlarged."""
MARGIN = 8
LINE = 22
MEMORY = 0.95
"""Of the running mean: the share that a step leaves of it."""


def plot_losses(events: Sequence[Event], path: Path, title: str) -> None:
    """A PNG with the loss of every step, its running mean, the prior loss and the evaluation loss."""
    from matplotlib.figure import Figure  # takes a second to import

    steps = [e for e in events if isinstance(e, Step)]
    evaluations = [e for e in events if isinstance(e, Evaluation)]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    at = [e.step for e in steps]
    axes.plot(at, [e.instance_loss for e in steps], color="#9ecae1", linewidth=0.7, label="instance")
    axes.plot(at, running_mean([e.instance_loss for e in steps]), color="#08519c", label="instance, running mean")
    if steps and steps[0].prior_loss is not None:
        axes.plot(at, running_mean([e.prior_loss or 0.0 for e in steps]), color="#e6550d", label="class, running mean")
    axes.plot([e.step for e in evaluations], [e.loss for e in evaluations], "o-", color="#31a354", label="evaluation")
    axes.set(xlabel="step", ylabel="loss", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=110)


def running_mean(values: Sequence[float]) -> list[float]:
    """Exponential moving average with bias correction (as in Adam, arXiv 1412.6980, algorithm 1)."""
    means, mean = [], 0.0
    for count, value in enumerate(values, start=1):
        mean = MEMORY * mean + (1 - MEMORY) * value
        means.append(mean / (1 - MEMORY**count))
    return means


def draw_grid(rows: Sequence[tuple[str, Sequence[Image.Image]]], path: Path) -> None:
    """A PNG with one row of images under each title; all rows have the same number of images."""
    columns = max(len(images) for _, images in rows)
    height = CELL + LINE + MARGIN
    grid = Image.new("RGB", (MARGIN + columns * (CELL + MARGIN), MARGIN + len(rows) * height), "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default()
    for number, (title, images) in enumerate(rows):
        top = MARGIN + number * height
        draw.text((MARGIN, top + 4), title, fill="black", font=font)
        for column, image in enumerate(images):
            enlarged = image.resize((CELL, CELL), Image.Resampling.NEAREST)
            grid.paste(enlarged, (MARGIN + column * (CELL + MARGIN), top + LINE))
    with replacing(path) as unfinished:
        grid.save(unfinished, format="PNG")


def score_table(scores: Mapping[str, Score]) -> str:
    """The scores as text, one row each, in percent."""
    lines = [
        f"{'':16}{'fidelity':>10}{'editability':>13}{'membership':>12}{'class drift':>13}{'leaked':>9}{'tinted':>9}"
    ]
    for name, s in scores.items():
        cells = f"{s.fidelity:>10.0%}{s.editability:>13.0%}{s.membership:>12.0%}{s.class_drift:>13.1%}"
        lines.append(f"{name:16}{cells}{s.leaked:>9.0%}{s.tinted:>9.0%}")
    return "\n".join(lines)
