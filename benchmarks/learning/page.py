"""The tables of docs/quality.md, from the rows that are there; what stands around them is left as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.quality import DRIFT_GOAL, FIDELITY_GOALS, FIDELITY_LOSS_GOAL

from .cases import CASES, DIFFUSERS, OURS, PEFT, PRIORS, TITLES, Case
from .figures import Spread, at_the_end, curve, have, measured, of_others, ours_beside, outside_of, places
from .store import Row, Store

PAGES = (ROOT / "docs" / "quality.md", ROOT / "README.md")
EVERY_SEED = "in every seed"
POSSESSIVE = {DIFFUSERS: "diffusers' scripts", PEFT: "PEFT's layers"}
WITH_SPREAD = {
    "fidelity": "fidelity",
    "editability": "editability",
    "class_drift": "class drift",
    "tinted": "tinted",
}
MEANS = {
    "leaked": "leaked",
    "unrelated": "unrelated",
    "membership": "membership",
    "diversity": "diversity",
    "class_diversity": "class diversity",
}
BLOCK = re.compile(r"(<!-- benchmarks\.learning: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


PAIRED = WITH_SPREAD
"""Figures that stand beside those of others, and what they are called."""
BETTER_LOW = ("class_drift", "tinted")


def write_pages(pages: Iterable[Path], store: Store) -> None:
    """Write their tables anew."""
    for page in pages:
        page.write_text(filled(page.read_text(encoding="utf-8"), store), encoding="utf-8")


def filled(text: str, store: Store) -> str:
    """A page with its blocks made of the rows."""

    def block(match: re.Match[str]) -> str:
        lines = list(BLOCKS[match[2]](store))
        is_empty = len(lines) == (2 if lines and lines[0].startswith("|") else 0)  # nothing but the head of a table
        return f"{match[1]}{match[3]}" if is_empty else "\n".join((match[1], *lines, "", match[3]))

    return BLOCK.sub(block, text)


def _ends(store: Store) -> Iterator[str]:
    """After all steps."""
    yield f"| | prior from | {' | '.join([*WITH_SPREAD.values(), *MEANS.values()])} | seeds |"
    yield "|---" * (len(WITH_SPREAD) + len(MEANS) + 3) + "|"
    for subject in dict.fromkeys(case.subject for case in CASES):
        base = store.base(subject)
        if base:
            cells = [_mean([base], figure) for figure in (*WITH_SPREAD, *MEANS)]
            yield f"| the base, {subject} | | {' | '.join(cells)} | |"
            yield f"| the same with other seeds | | | | {_percent(base['chance'])} |{' |' * (len(MEANS) + 2)}"
    for case, rows in measured(store).items():
        cells = [str(at_the_end(rows, figure)) if have(rows, figure) else "" for figure in WITH_SPREAD]
        cells += [_mean(rows, figure) for figure in MEANS]
        yield f"| {_called(case)} | {' | '.join(cells)} | {len(rows)} |"


def _curves(store: Store) -> Iterator[str]:
    """Fidelity and class drift at each step that was scored."""
    yield "| | prior from | a quarter | half | three quarters | all steps |"
    yield "|---|---|---|---|---|---|"
    for case, rows in measured(store).items():
        cells = [f"{100 * fidelity:.0f} / {100 * drift:.0f}" for _, fidelity, drift in curve(rows)]
        yield f"| {_called(case)} | {' | '.join(cells)} |"


def _frontier(store: Store) -> Iterator[str]:
    """Whether ours end outside of what others reach."""
    theirs = of_others(store)
    others = [place for rows in theirs.values() for place in places(rows)]
    without = [place for case, rows in theirs.items() if case.prior == "off" for place in places(rows)]
    told = f"outside of others' {len(others)} points | of the {len(without)} without a prior"
    yield f"| | prior from | fidelity / class drift by seed | {told} |"
    yield "|---|---|---|---|---|"
    for case, rows in measured(store, [case for case in CASES if case.program == OURS]).items():
        if case.subject != "star":
            continue
        ends = ", ".join(f"{100 * f:.0f} / {100 * d:.0f}" for f, d in places(rows, last=True))
        told = [_of_seeds(outside_of(rows, found), rows) for found in (others, without)]
        yield f"| {_called(case)} | {ends} | {' | '.join(told)} |"


def _verdict(store: Store) -> Iterator[str]:
    """With class images, in short: what they come to at the end, and which are outside of what others reach."""
    ends = {
        case: rows
        for case, rows in measured(store).items()
        if case.prior == "images" and case.subject == "star" and case.family == "sd1"
    }
    yield f"| | {' | '.join(WITH_SPREAD.values())} | seeds |"
    yield "|---" * (len(WITH_SPREAD) + 2) + "|"
    for case, rows in ends.items():
        yield f"| {case.title} | {' | '.join(_mean(rows, figure) for figure in WITH_SPREAD)} | {len(rows)} |"
    theirs = of_others(store)
    others = [place for rows in theirs.values() for place in places(rows)]
    ahead = {
        case.title.partition(": ")[2]: (outside_of(rows, others), rows)
        for case, rows in ends.items()
        if case.program == OURS
    }
    if others and ahead:
        programs = " and ".join(dict.fromkeys(f"{POSSESSIVE[case.program]}" for case in theirs))
        yield ""
        yield f"A result is ahead of all {len(others)} of {programs}, taken at any of their steps, if none of"
        yield "those has at least its fidelity with no more class drift."
        some = [f"{name} {_of_seeds(*found)}" for name, found in ahead.items() if found[0]]
        none = [name for name, (outside, _) in ahead.items() if not outside]
        yield from (f"{told}: {', '.join(names)}." for told, names in (("Ahead", some), ("Not ahead", none)) if names)


def _of_seeds(outside: list[int], rows: list[Row]) -> str:
    return EVERY_SEED if len(outside) == len(rows) > 1 else f"in {len(outside) or 'none'} of {len(rows)} seeds"


def _pairs(store: Store) -> Iterator[str]:
    """Ours beside the same method, prior and algorithm of others, seed for seed."""
    heads = " | ".join(f"{PAIRED[name]}: ours | theirs" for name in PAIRED)
    yield f"| | prior from | {heads} | ours ahead in every seed |"
    yield "|" + "---|" * (3 + 2 * len(PAIRED))
    for case, theirs in measured(store, [case for case in CASES if case.program != OURS]).items():
        if not (ours := ours_beside(store, case)):
            continue
        cells = [_by_seed(rows, name) for name in PAIRED for rows in (ours, theirs)]
        told = " and ".join(words for name, words in PAIRED.items() if _is_ahead(name, ours, theirs))
        yield f"| {_called(case)} | {' | '.join(cells)} | {f'in {told}' if told else 'in none'} |"


def _is_ahead(figure: str, ours: list[Row], theirs: list[Row]) -> bool:
    """Whether the worst of ours is better than the best of theirs."""
    if not have([*ours, *theirs], figure):
        return False
    own, other = at_the_end(ours, figure), at_the_end(theirs, figure)
    return own.highest < other.lowest if figure in BETTER_LOW else own.lowest > other.highest


def _by_seed(rows: list[Row], figure: str) -> str:
    if not have(rows, figure):
        return ""
    return ", ".join(f"{100 * row['points'][-1][figure]:.0f}" for row in rows) + " %"


def _goals(store: Store) -> Iterator[str]:
    """What a prior from class images is to keep, beside what it keeps."""
    methods = [method for method in FIDELITY_GOALS if _both(store, method)]
    if not methods:
        return
    yield f"| goal, with the prior from class images | {' | '.join(f'{TITLES[method]}' for method in methods)} |"
    yield "|---" * (len(methods) + 1) + "|"
    pairs = [found for method in methods if (found := _both(store, method))]
    reached = [(on.mean, FIDELITY_GOALS[m]) for m, ((on, _), _) in zip(methods, pairs, strict=True)]
    cells = [f"{_percent(mean)} of {100 * goal:.0f} %: {_met(mean >= goal)}" for mean, goal in reached]
    yield f"| fidelity | {' | '.join(cells)} |"
    ratios = [on.mean / off.mean for _, (on, off) in pairs]
    cells = [f"{ratio:.2f} ×: {_met(ratio <= DRIFT_GOAL)}" for ratio in ratios]
    yield f"| class drift at most {DRIFT_GOAL} × that without prior | {' | '.join(cells)} |"
    lost = [off.mean - on.mean for (on, off), _ in pairs]
    cells = [f"{max(0.0, 100 * share):.1f}: {_met(share <= FIDELITY_LOSS_GOAL)}" for share in lost]
    yield f"| at most {100 * FIDELITY_LOSS_GOAL:.0f} points of fidelity lost | {' | '.join(cells)} |"


def _both(store: Store, method: str) -> tuple[tuple[Spread, Spread], tuple[Spread, Spread]] | None:
    """Fidelity and class drift, each with the prior from images and without one."""
    rows = [store.of(Case(OURS, method, prior)) for prior in ("images", "off")]
    if not all(rows):
        return None
    fidelity, drift = (tuple(at_the_end(found, name) for found in rows) for name in ("fidelity", "class_drift"))
    return (fidelity[0], fidelity[1]), (drift[0], drift[1])


def _rates(store: Store) -> Iterator[str]:
    """What others' learning rates gave with the seed that they were tried with."""
    yield "| | prior from | fidelity / class drift at each learning rate that was tried |"
    yield "|---|---|---|"
    seen: set[tuple[str, str, str]] = set()
    for case in CASES:
        name, tried = (case.program, case.method, case.algorithm), store.tried(case)
        if tried and name not in seen:
            ends = {rate: row["points"][-1] for rate, row in sorted(tried.items())}
            cells = [f"{r:g}: {100 * e['fidelity']:.0f} / {100 * e['class_drift']:.0f}" for r, e in ends.items()]
            yield f"| {_called(case)} | {', '.join(cells)} |"
            seen.add(name)


def _called(case: Case) -> str:
    """Two cells."""
    subject = "" if case.subject == "star" else f", {case.subject}"
    return f"{case.title}{subject} | {PRIORS[case.prior]}"


def _mean(rows: Sequence[Row], figure: str) -> str:
    """At the end, in percent; "" where it was not measured."""
    return _percent(at_the_end(rows, figure).mean) if have(rows, figure) else ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _met(good: bool) -> str:
    return "met" if good else "missed"


BLOCKS: dict[str, Callable[[Store], Iterator[str]]] = {
    "ends": _ends,
    "curves": _curves,
    "frontier": _frontier,
    "verdict": _verdict,
    "pairs": _pairs,
    "goals": _goals,
    "rates": _rates,
}
"""By the name in the page's comment."""
