"""docs/hosts.md: what was seen to work in each WebUI, in a table that these tests fill.

`python -m pytest tests/webui --record` notes what passed, a file for each WebUI, and writes the page; `python -m
tests.webui.proved` writes the page from what was noted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2]
PAGE = HOME / "docs" / "hosts.md"
NOTES = Path(__file__).parent / "proved"
ORDER = ("a1111", "forge", "neo", "reforge")
BEGIN, END = "<!-- written by tests/webui/proved.py -->", "<!-- until here -->"

HOSTING = "test_every_host.py::{}"
STORIES = ("test_every_page.py::{}", "test_story.py::{}")
"""The same of all others, and of v1.10.1."""


def _story(name: str) -> tuple[str, ...]:
    return tuple(file.format(name) for file in STORIES)


def _results(method: str) -> tuple[tuple[str, ...], ...]:
    return ((f"test_results.py::test_a_result_is_there_without_a_restart[{method}]",),)


ROWS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "The tab is shown, with a light and a dark theme": ((HOSTING.format("test_the_tab_is_there"),),),
    **{
        f"{title}: trained, listed and used without a restart; trained again under its name, the new one is used": (
            _results(method)
        )
        for title, method in {
            "LoRA": "lora",
            "DreamBooth": "dreambooth",
            "Textual Inversion": "textual_inversion",
            "Hypernetwork": "hypernetwork",
        }.items()
    },
    "The same in a browser: create, train, **Use in txt2img**, generate; the card is there": tuple(
        _story(f"test_create_train_and_use[{method}]") for method in ("lora", "dreambooth", "textual_inversion")
    ),
    "Images before and after a run are equal to the bit, with a LoRA too": (
        (HOSTING.format("test_a_run_leaves_it_as_it_was"),),
    ),
    "Who generates meanwhile waits; **Interrupt** saves and ends the run": (
        (HOSTING.format("test_who_generates_meanwhile_waits_and_interrupt_ends_the_run"),),
    ),
    "A run outlives **Reload UI**": (_story("test_a_training_outlives_reload_ui"),),
    "`--gradio-auth`: who has not logged in gets nothing": (
        ("test_serving.py::test_who_has_not_logged_in_gets_nothing",),
    ),
    "`--nowebui --api`: the routes answer": (("test_serving.py::test_without_a_page_our_routes_answer",),),
    "`pip freeze` is unchanged to the line": (("test_its_packages.py::test_they_are_what_they_were",),),
}
"""By what it says, the tests that prove it: of each inner tuple one."""


def key_of(nodeid: str, parameters: Mapping[str, Any]) -> str:
    """A test without its folder and its host, as in ROWS."""
    name = re.sub(r"\[.*\]$", "", nodeid.rpartition("/")[2])
    return f"{name}[{parameters['method']}]" if "method" in parameters else name


def note(host: str, facts: Mapping[str, Any], passed: Mapping[str, bool]) -> None:
    """Keep what passed in a WebUI, and what did not, beside what was noted earlier. `facts`: see `page`."""
    earlier = notes().get(host, {})
    kept = {key for key in earlier.get("passed", ()) if passed.get(key, True)}
    kept |= {key for key, whether in passed.items() if whether}
    kept &= {key for words in ROWS for key in _tests_of(words)}
    NOTES.mkdir(exist_ok=True)
    content = json.dumps({**facts, "passed": sorted(kept)}, indent=2)
    (NOTES / f"{host}.json").write_text(content + "\n", encoding="utf-8")


def notes() -> dict[str, dict[str, Any]]:
    """By WebUI."""
    files = [NOTES / f"{host}.json" for host in ORDER]
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()}


def table(noted: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each thing to prove, a column for each WebUI.

    noted: by WebUI, what `note` keeps: its `title`, its `version`, the versions of `packages` it ran with, the methods
    that are `unusable` there, and what `passed`.
    """
    titles = [str(each["title"]) for each in noted.values()]
    lines = [_row("", titles), _row("---", ["---"] * len(titles))]
    lines.append(_row("version", [str(each["version"]) for each in noted.values()]))
    for package in ("Python", "torch", "gradio", "transformers", "diffusers"):
        lines.append(_row(f"ran with {package}", [str(each["packages"].get(package, "–")) for each in noted.values()]))
    lines += [_row(words, [_cell(words, each) for each in noted.values()]) for words in ROWS]
    return "\n".join(lines)


def _cell(words: str, noted: Mapping[str, Any]) -> str:
    if any(f"[{method}]" in words_of for method in noted["unusable"] for words_of in _tests_of(words)):
        return "not usable there"
    passed = all(any(key in noted["passed"] for key in keys) for keys in ROWS[words])
    return "yes" if passed else "not tried"


def _tests_of(words: str) -> list[str]:
    return [key for keys in ROWS[words] for key in keys]


def _row(first: str, others: list[str]) -> str:
    return f"| {' | '.join([first, *others])} |"


def page() -> str:
    """docs/hosts.md as it should be: with the table in its place."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table(notes())}\n\n{END}{rest.partition(END)[2]}"


def write_page() -> None:
    """Write it."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
