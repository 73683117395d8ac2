"""What is trained: a row for each program, method, algorithm of layers and prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OURS, DIFFUSERS, PEFT = "ours", "diffusers", "PEFT"
PARTS = 4
"""A run is scored after each of so many equal parts."""
SEEDS = (1, 2, 3)
RATE_SEED = 0
"""The one with which learning rates of others are tried, and that no figure is of."""


@dataclass(frozen=True)
class Case:
    """One row, but for its seed.

    method: as the demo calls it. algorithm: that of a LoRA's layers; changes: of the demo's settings, "group.option":
    value. rates: those of others that are tried; the best one by `measuring.merit` is kept.
    """

    program: str
    method: str
    prior: str
    subject: str = "star"
    algorithm: str = ""
    family: str = "sd1"
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    rates: tuple[float, ...] = field(default=(), compare=False)

    @property
    def key(self) -> dict[str, str]:
        """What tells it from others, as rows are kept."""
        names = ("program", "method", "algorithm", "prior", "subject", "family")
        return {name: getattr(self, name) for name in names}

    @property
    def title(self) -> str:
        """ "ours: LoRA", "PEFT: OFT"."""
        return f"{self.program}: {TITLES.get(self.algorithm) or TITLES[self.method]}"

    @property
    def name(self) -> str:
        """ "ours: lora, dora, star, prior images"."""
        words = (self.method, self.algorithm, self.subject, f"prior {self.prior}")
        family = "" if self.family == "sd1" else f"{self.family}, "
        return f"{self.program}: {family}{', '.join(word for word in words if word)}"


TITLES = {
    "lora": "LoRA",
    "dora": "DoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "oft": "OFT",
    "dreambooth": "DreamBooth",
    "hypernetwork": "hypernetwork",
    "textual-inversion": "Textual Inversion",
}
"""Of algorithms and methods, in the order of tables."""
PRIORS = {"images": "class images", "model": "the model", "off": "none"}
"""What it is from, in the same order."""
ALGORITHMS: Mapping[str, Mapping[str, Any]] = {
    "dora": {"lora.dora": True},
    "loha": {"lora.algorithm": "loha"},
    "lokr": {"lora.algorithm": "lokr"},
}
"""With the demo's rank, and the share of its learning rate that suits the algorithm."""
RATES: Mapping[tuple[str, str], tuple[float, ...]] = {
    (DIFFUSERS, "lora"): (3e-3, 6e-3, 1e-2),
    (DIFFUSERS, "dreambooth"): (5e-4, 7e-4, 1e-3),
    (PEFT, "lora"): (3e-3, 6e-3),
    (PEFT, "lokr"): (3e-3, 1e-2),
    (PEFT, "oft"): (1e-3, 3e-3),
}
"""Learning rates of others that are tried: by program, and by method or PEFT's algorithm."""


def _theirs(program: str, method: str, prior: str, algorithm: str = "") -> Case:
    return Case(program, method, prior, algorithm=algorithm, rates=RATES[program, algorithm or method])


def _layers(prior: str, *algorithms: str) -> list[Case]:
    return [Case(OURS, "lora", prior, algorithm=name, changes=ALGORITHMS[name]) for name in algorithms]


FIRST: tuple[Case, ...] = (
    Case(OURS, "lora", "images"),
    Case(OURS, "dreambooth", "images"),
    _theirs(DIFFUSERS, "lora", "images"),
    _theirs(DIFFUSERS, "dreambooth", "images"),
    Case(OURS, "lora", "off"),
    _theirs(PEFT, "lora", "off", "lora"),
)
"""With all seeds before the rest is begun."""
CASES: tuple[Case, ...] = (
    *FIRST,
    _theirs(PEFT, "lora", "off", "oft"),
    _theirs(PEFT, "lora", "off", "lokr"),
    Case(OURS, "dreambooth", "off"),
    _theirs(DIFFUSERS, "lora", "off"),
    _theirs(DIFFUSERS, "dreambooth", "off"),
    *_layers("images", "dora", "loha", "lokr"),
    Case(OURS, "textual-inversion", "images", subject="ring"),
    Case(OURS, "hypernetwork", "images"),
    Case(OURS, "textual-inversion", "off", subject="ring"),
    Case(OURS, "hypernetwork", "off"),
    _theirs(PEFT, "lora", "images", "lora"),
    *(Case(OURS, method, "model") for method in ("lora", "dreambooth", "hypernetwork")),
    Case(OURS, "textual-inversion", "model", subject="ring"),
    *_layers("off", "dora", "loha", "lokr"),
)


def for_tables(cases: Sequence[Case] = CASES) -> list[Case]:
    """With what is alike side by side."""
    titles, priors, programs = list(TITLES), list(PRIORS), (OURS, DIFFUSERS, PEFT)

    def place(case: Case) -> tuple[int, int, int]:
        return titles.index(case.algorithm or case.method), priors.index(case.prior), programs.index(case.program)

    return sorted(cases, key=place)


def in_order(cases: Sequence[Case], seeds: Sequence[int]) -> list[tuple[Case, int]]:
    """What is measured when: the first cases with all seeds, then the others with the first seed, the second, ..."""
    first = [(case, seed) for case in cases if case in FIRST for seed in seeds]
    return first + [(case, seed) for seed in seeds for case in cases if case not in FIRST]
