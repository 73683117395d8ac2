"""The group [ema]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option


@dataclass(frozen=True)
class Ema:
    """The moving average of the trained weights (EMA): calmer than the weights themselves, and often better."""

    decay: float = option(
        0.0,
        "share of the average that each step keeps, such as 0.999 for runs of some thousand steps; 0 = no average",
        minimum=0,
        maximum=0.99999,
    )
    warmup: bool = option(
        True,
        "the share grows with the steps done, as 1 - n^(-2/3), which lets the average follow quickly at first; off = "
        "as n / (n + 9)",
    )
    samples: bool = option(True, "generate samples and compute the evaluation loss with the average")
    results: bool = option(True, "save the average as the result; off = the weights as trained")
    on_cpu: bool = option(
        False, "keep the average in RAM: it takes no VRAM, 4 bytes for each trained value, and each step takes longer"
    )
