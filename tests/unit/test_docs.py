"""What the documentation names exists: files, headings, commands, options, names in the tab."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import install
from sd_finetune.__main__ import COMMANDS
from sd_finetune.settings.catalogue import all_options, members
from sd_finetune.settings.methods import METHODS, RATE_OPTIONS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import find_faults
from sd_finetune.settings.toml import loads
from sd_finetune.ui.projects.form import form

HOME = Path(__file__).parents[2]
PAGES = sorted([*HOME.glob("*.md"), *HOME.glob("docs/*.md")])
ABOUT_THE_TAB = ("README.md", "data.md", "guide.md", "tab.md", "troubleshooting.md")
"""Pages in which bold text is a name in the tab."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
OPTION = re.compile(r"([a-z_]+)\.(?:\d+\.)?([a-z_]+)(?: = .*)?")
FILE = re.compile(r"(?!modules/)[a-z0-9_]+(?:/[a-z0-9_]+)+\.py")
"""Of ours: `modules` is the WebUI's."""
FILE_ENDINGS = {"json", "jsonl", "csv", "py", "toml", "npy"}
"""`base.json` and `samples.csv` are not options."""


def pages(names: tuple[str, ...] | None = None) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        if names is None or page.name in names:
            yield page.name, page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_lines(text: str) -> Iterator[str]:
    """Commands: indented lines, lines of code blocks and code in a sentence; a line that ends in \\ goes on."""
    joined = re.sub(r"\\\n\s*", " ", text)
    yield from (line.strip() for line in joined.splitlines() if line.startswith("    "))
    yield from CODE.findall(text)


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Page and words of each `program COMMAND ...` in the documentation."""
    found = []
    for name, text in pages():
        for line in code_lines(text):
            if f"{program} " in line:
                found.append((name, shlex.split(line.partition(f"{program} ")[2], comments=True)))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


def test_pages_have_links_to_check() -> None:
    assert sum(len(LINK.findall(text)) for _, text in pages()) > 30


def test_commands_of_the_package_exist_with_their_options() -> None:
    found = commands("python -m sd_finetune")
    assert len(found) > 10
    for page, (command, *words) in found:
        if command == "--version":
            continue
        assert command in COMMANDS, (page, command)
        parser = argparse.ArgumentParser()
        COMMANDS[command].add_arguments(parser)
        flags = [word.partition("=")[0] for word in words if word.startswith("--")]
        unknown = [flag for flag in flags if flag not in parser._option_string_actions]
        assert unknown == [], (page, command)


def test_commands_of_install_exist() -> None:
    found = commands("python install.py")
    assert len(found) > 3
    for page, words in found:
        assert install.read_arguments(words[: 1 if "..." in words else None]).start, (page, words)


def test_options_exist() -> None:
    groups = {member.name for member in members(Settings) if member.group is not None}
    named = [
        (page, f"{match[1]}.{match[2]}")
        for page, text in pages()
        for code in CODE.findall(text)
        if (match := OPTION.fullmatch(code)) and match[1] in groups and match[2] not in FILE_ENDINGS
    ]
    assert len(named) > 30
    assert [(page, name) for page, name in named if name not in all_options()] == []


def test_python_files_exist() -> None:
    named = [(page, code) for page, text in pages() for code in CODE.findall(text) if FILE.fullmatch(code)]
    assert len(named) > 20
    homes = (HOME, HOME / "sd_finetune")
    assert [(page, code) for page, code in named if not any((home / code).is_file() for home in homes)] == []


def test_settings_files_can_be_read() -> None:
    blocks = [(page, block) for page, text in pages() for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) >= 2
    assert [(page, find_faults(loads(block))) for page, block in blocks if find_faults(loads(block))] == []


def test_names_in_the_tab_exist() -> None:
    labels = {field["label"] for group in form()["groups"] for field in group["fields"]}
    labels |= {field["label"] for field in form()["fields"]} | {group["label"] for group in form()["groups"]}
    page = "\n".join(file.read_text(encoding="utf-8") for file in (HOME / "sd_finetune/ui/web").glob("*.mjs"))
    said = set(re.findall(r'"([^"\n]+)"', page))
    named = [(name, words) for name, text in pages(ABOUT_THE_TAB) for words in bold(text)]
    assert len(named) > 50
    assert [entry for entry in named if entry[1] not in labels | said] == []


def bold(text: str) -> Iterator[str]:
    """Names in bold: `**Output → Results**` are two. What ends in a full stop or colon is a heading of a paragraph."""
    for words in re.findall(r"\*\*([^*]+)\*\*", text):
        if not words.endswith((".", ":")):
            yield from (" ".join(name.split()) for name in words.split("→"))


def test_the_table_of_methods_has_the_default_learning_rates() -> None:
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    for name, facts in METHODS.items():
        (row,) = re.findall(rf"^\| {name.replace('_', ' ')} \|(.*)$", readme, re.MULTILINE | re.IGNORECASE)
        rates = [getattr(facts, fact) for fact in RATE_OPTIONS]
        assert [float(rate) for rate in re.findall(r"\d+e-\d+", row)] == [rate for rate in rates if rate is not None]
