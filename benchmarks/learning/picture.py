"""The picture of the README: fidelity against class drift over the steps, ours and others'."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from sd_finetune.runs.atomic import replacing

from .cases import CASES, DIFFUSERS, OURS, PEFT, Case
from .figures import at_the_end, curve, measured
from .store import Row, Store

PICTURE = ROOT / "docs" / "images" / "quality.svg"
INK = "#7d8590"
"""Readable on white and on black."""
COLORS = {OURS: "#2f81f7", DIFFUSERS: "#e5732d", PEFT: "#2ea043"}
DASHES = {"images": "-", "off": (0, (4, 2))}
MARKERS = {"": "o", "lora": "o", "dora": "D", "loha": "^", "lokr": "s", "oft": "v"}
PANELS = {"LoRA and its like": ("lora",), "DreamBooth and hypernetwork": ("dreambooth", "hypernetwork")}
TOLD_PRIORS = {"images": ", class images", "off": ""}
TOLD = "Rows "
"""Before the digest of what was drawn, in the file."""


@dataclass(frozen=True)
class Line:
    """One case: its curve, and from where to where its last points go."""

    case: Case
    rows: list[Row]

    @property
    def label(self) -> str:
        return f"{self.case.title}{TOLD_PRIORS[self.case.prior]}"

    @property
    def style(self) -> dict[str, Any]:
        marker = "P" if self.case.method == "hypernetwork" else MARKERS[self.case.algorithm]
        return {"color": COLORS[self.case.program], "linestyle": DASHES[self.case.prior], "marker": marker}


def lines_of(store: Store, methods: tuple[str, ...]) -> list[Line]:
    """What a panel shows: of our own algorithms beside LoRA only those with class images."""

    def is_shown(case: Case) -> bool:
        is_usual = case.program != OURS or not case.algorithm or case.prior == "images"
        return case.method in methods and case.subject == "star" and case.prior in TOLD_PRIORS and is_usual

    return [Line(case, rows) for case, rows in measured(store, list(filter(is_shown, CASES))).items()]


def digest(store: Store) -> str:
    """Changes with whatever is drawn."""
    lines = [line for methods in PANELS.values() for line in lines_of(store, methods)]
    points: list[Any] = [[line.label, [row["points"] for row in line.rows]] for line in lines]
    points.append(["chance", (store.base("star") or {}).get("chance")])
    return hashlib.sha256(json.dumps(points).encode()).hexdigest()[:16]


def write_picture(path: Path, store: Store) -> None:
    """Draw it anew."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": "quality", "font.size": 9, "axes.edgecolor": INK}
    settings |= {"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}
    settings |= {"font.family": "sans-serif", "lines.markersize": 4, "axes.titlesize": 10}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(9.6, 5.6), layout="constrained")
        for axes, (title, methods) in zip(figure.subplots(1, 2, sharex=True, sharey=True), PANELS.items(), strict=True):
            _draw(axes, title, lines_of(store, methods))
            _draw_chance(axes, store)
        figure.axes[0].set(ylabel="fidelity: images that show the subject (%)")
        metadata = {"Date": None, "Description": TOLD + digest(store)}
        with replacing(path) as unfinished:
            figure.savefig(unfinished, format="svg", transparent=True, metadata=metadata)


def _draw_chance(axes: Any, store: Store) -> None:
    """What other seeds alone would give."""
    if base := store.base("star"):
        axes.axvspan(-2, 100 * base["chance"], color=INK, alpha=0.12, linewidth=0)
        axes.text(1, 1, "within chance", fontsize=8, alpha=0.9)


def _draw(axes: Any, title: str, lines: list[Line]) -> None:
    """Each line with a marker for each quarter of the steps, the last one large, with its seeds' spread."""
    axes.set(title=title, xlabel="class drift: what the class has lost (%)", xlim=(-2, 60), ylim=(-3, 103))
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    for line in lines:
        _, fidelity, drift = zip(*curve(line.rows), strict=True)
        is_ours = line.case.program == OURS
        axes.plot(
            [100 * d for d in drift], [100 * f for f in fidelity], label=line.label, **line.style,
            linewidth=1.8 if is_ours else 1.2, alpha=1 if is_ours else 0.85,
        )  # fmt: skip
        ends = [at_the_end(line.rows, name) for name in ("class_drift", "fidelity")]
        spread = [[[100 * (s.mean - s.lowest)], [100 * (s.highest - s.mean)]] for s in ends]
        axes.errorbar(
            100 * ends[0].mean, 100 * ends[1].mean, xerr=spread[0], yerr=spread[1], color=line.style["color"],
            marker=line.style["marker"], markersize=8, elinewidth=0.8, capsize=2, alpha=0.9,
        )  # fmt: skip
    if lines:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize=8, ncols=2)
