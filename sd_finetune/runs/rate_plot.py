"""The curve of a trial of learning rates as a drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .rate_trial import Point, smoothed

WIDTH, HEIGHT, MARGIN = 720, 400, 60


def svg_of(points: Sequence[Point], suggested: float | None) -> str:
    """The losses over the learning rate, which is drawn logarithmically, and the suggestion as a line; SVG."""
    points = [(rate, loss) for rate, loss in points if math.isfinite(loss)]
    rates, losses = [math.log10(rate) for rate, _ in points], [loss for _, loss in points]
    left, right, low, high = rates[0], max(rates[-1], rates[0] + 1e-9), min(losses), max(*losses, min(losses) + 1e-9)

    def x(rate: float) -> float:
        return MARGIN + (rate - left) / (right - left) * (WIDTH - 2 * MARGIN)

    def y(loss: float) -> float:
        return HEIGHT - MARGIN - (loss - low) / (high - low) * (HEIGHT - 2 * MARGIN)

    def line(values: Sequence[float], color: str, width: float) -> str:
        places = " ".join(f"{x(rate):.1f},{y(loss):.1f}" for rate, loss in zip(rates, values, strict=True))
        return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width}"/>'

    powers = range(math.ceil(left), math.floor(right) + 1)
    drawn = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        line(losses, "#bbb", 1),
        line(smoothed(losses), "#2563eb", 2),
        *(_text(x(power), HEIGHT - MARGIN + 20, f"1e{power}") for power in powers),
        _text(MARGIN / 2, y(high), f"{high:.3g}"),
        _text(MARGIN / 2, y(low), f"{low:.3g}"),
        _text(WIDTH / 2, HEIGHT - 15, "learning rate"),
    ]
    if suggested is not None:
        at = x(math.log10(suggested))
        drawn.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{MARGIN}" y2="{HEIGHT - MARGIN}" stroke="#dc2626"/>')
        drawn.append(_text(at, MARGIN - 8, f"suggested: {suggested:g}"))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12" text-anchor="middle"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *drawn, "</svg>", ""])


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{text}</text>'
