"""What a report holds of a run: a function for each file in it, which reads it and puts nothing private into it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from ..runs.about import about
from ..runs.folder import RunFolder
from ..runs.json_lines import read_lines
from .hardware import hardware
from .png import without_texts
from .private import Private, find_private
from .scrub import Scrubber

LOG_BYTES = 64 * 1024
NUMBERS = re.compile(r"(?:(?:-?\d[\d.e+-]*|nan|-?inf)?(?:,|$))*")
TELLING = frozenset({"message", "path"})
"""Fields of events in which names and prompts may stand."""

Section = Callable[[], "str | bytes"]
"""Raises FileNotFoundError, OSError or ValueError where the file is missing, cannot be read or is damaged."""


class LeftOut(ValueError):
    """A file that cannot be shown; the message says why."""


def sections(run: RunFolder, with_prompts: bool, with_samples: bool) -> Mapping[str, Section]:
    """By the name in the report. Without settings it cannot be told what is private: then messages are left out."""
    settings = readable_settings(run)
    scrubber = Scrubber(private_of(run, settings or {}), with_prompts)
    may_tell = with_prompts or settings is not None
    found: dict[str, Section] = {
        "settings.json": lambda: _json(scrubber.settings(_read_json(run.settings))),
        "base.json": lambda: _json(scrubber.message(_read_json(run.base))),
        "about.json": lambda: _json(scrubber.message(_read_json(run.about))),
        "now.json": lambda: _json({"versions": about(), "hardware": hardware()}),
        "events.jsonl": lambda: _lines(run.events, scrubber, may_tell),
        "commands.jsonl": lambda: _lines(run.commands, scrubber, may_tell),
        "loss.csv": lambda: _table(run.loss_csv, scrubber),
        "worker.log": lambda: _log(run.log, scrubber, may_tell),
    }
    for path in sorted(run.samples.glob("step-*.png")) if with_samples else ():
        found[f"samples/{path.name}"] = _sample(path, with_prompts)
    return found


def readable_settings(run: RunFolder) -> dict[str, Any] | None:
    """The settings as they are written, also by another version; None where they cannot be read."""
    try:
        return _read_json(run.settings)
    except (OSError, ValueError):
        return None


def private_of(run: RunFolder, settings: dict[str, Any]) -> Private:
    """What is private in a run, from all that is written in its folder."""
    events = read_lines(run.events)[0] if run.events.is_file() else []
    prompts = [event["prompt"] for event in events if isinstance(event.get("prompt"), str)]
    raw = "\n".join(_text_of(file) for file in (run.settings, run.base, run.events, run.log))
    return find_private(settings, prompts, [run.path, run.path.parent], raw)


def damaged_lines(path: Path) -> int:
    """How many lines of a file of JSON lines cannot be read; 0 if there is no such file."""
    if not path.is_file():
        return 0
    written = sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    return written - len(read_lines(path)[0])


def _lines(path: Path, scrubber: Scrubber, may_tell: bool) -> str:
    path.open("rb").close()  # read_lines says nothing of a file that cannot be read
    shown = [scrubber.message(line) for line in read_lines(path)[0]]
    if not may_tell:
        shown = [{name: "<left out>" if name in TELLING else value for name, value in line.items()} for line in shown]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in shown)


def _table(path: Path, scrubber: Scrubber) -> str:
    """Rows of numbers as they are, the heading and whatever else there is as any text."""
    rows = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "".join(f"{row if NUMBERS.fullmatch(row) else scrubber.text(row)}\n" for row in rows)


def _log(path: Path, scrubber: Scrubber, may_tell: bool) -> str:
    """Its last LOG_BYTES, from the start of a line."""
    with path.open("rb") as file:
        start = max(0, file.seek(0, io.SEEK_END) - LOG_BYTES)
        file.seek(start)
        end = file.read()
    if not may_tell:
        raise LeftOut("without settings.json its prompts cannot be told from the rest; --with-prompts adds it")
    return scrubber.text((end.partition(b"\n")[2] if start else end).decode(errors="replace"))


def _sample(path: Path, with_prompts: bool) -> Section:
    return lambda: path.read_bytes() if with_prompts else without_texts(path.read_bytes())


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    """Raises ValueError: it is not a table in JSON."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no table")
    return cast("dict[str, Any]", content)


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
