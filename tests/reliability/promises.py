"""What the project promises to hold through, and the page that says how it was tried: docs/reliability.md.

A test notes what it measured with the fixture `measured`. `python -m pytest tests/reliability --long --record` runs all
of them at full length and writes the page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIGURES = Path(__file__).parent / "figures"
PAGE = ROOT / "docs" / "reliability.md"

HEAD = """# Reliability

What must hold whatever happens, and what was measured when it was tried. `python -m pytest tests/reliability --long
--record` tries all of it again at full length and writes this page; without `--long` the same tests run shorter, with
every test of the project.

| promise | tried by | measured |
|---|---|---|
"""


@dataclass(frozen=True)
class Promise:
    """A row of the page; `name` is that of its test file, tests/reliability/test_NAME.py."""

    name: str
    text: str


PROMISES = (
    Promise(
        "kills",
        "The worker is killed at a random moment: no broken file under a final name, the page says so within 5 s, the "
        "run resumes, and its weights are equal to the bit to those of an undisturbed run. At most 10 minutes of work "
        "are lost by default.",
    ),
    Promise(
        "server_gone",
        "The server is killed, the WebUI closed, Ctrl+C pressed once or twice: the worker notices within 10 s, saves a "
        "snapshot and ends; the next start offers to resume.",
    ),
    Promise(
        "disk",
        "The disk is full, read-only or slow at any write: one sentence, earlier files intact, and what was learned is "
        "kept until there is room.",
    ),
    Promise(
        "bad_numbers",
        "Memory runs out, weights or losses are not finite, the VAE is broken: the run ends with cause and advice, the "
        "last good state is kept, the server lives.",
    ),
    Promise(
        "nasty_images",
        "200 files that are not usable images, among them FIFOs, devices, sockets, link loops, 20,000 x 10 pixels and "
        "decompression bombs, lie beside 5 good images: every one is named, nothing hangs, the run goes on.",
    ),
    Promise(
        "hostile_files",
        "Pickles with code, headers that lie, a million keys, overlapping tensors, YAML bombs, deep JSON, strangers' "
        "settings: no code runs, nothing outside its folder is touched, memory and time are bounded, and only a user's "
        "error ever comes out of a reader.",
    ),
    Promise(
        "routes",
        "Every route of the server: 401 without login, foreign Origin and Host refused, traversal refused in every "
        "spelling, bodies bounded, uploads only images and captions, text stays text, never a 500.",
    ),
    Promise("polling", "50 browsers follow one run: the time of a step stays within 5 %."),
    Promise(
        "endurance",
        "20,000 steps in one run and 200 runs on one server: memory, handles and threads stay flat within 3 %.",
    ),
    Promise(
        "two_at_once",
        "Two Trains at once, two servers on one folder, a run folder that is moved, a clock that goes back, settings "
        "edited before resuming: one wins, the other is told why, and nothing is doubled.",
    ),
)


def page() -> str:
    """docs/reliability.md, from what the tests noted last."""
    rows = [f"| {promise.text} | {_link(promise)} | {_figures(promise)} |" for promise in PROMISES]
    return HEAD + "\n".join(rows) + "\n"


def note(name: str, test: str, figures: str) -> None:
    """Keep what the test `test` of the promise `name` measured, and write the page anew."""
    FIGURES.mkdir(exist_ok=True)
    file = FIGURES / f"{name}.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**known, test: figures}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def _link(promise: Promise) -> str:
    file = Path(__file__).parent / f"test_{promise.name}.py"
    return f"[{file.name}](../tests/reliability/{file.name})" if file.exists() else "nothing yet"


def _figures(promise: Promise) -> str:
    file = FIGURES / f"{promise.name}.json"
    if not file.exists():
        return "not yet"
    return "; ".join(json.loads(file.read_text(encoding="utf-8")).values())
