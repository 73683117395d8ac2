"""All options in words: for --help, and for docs/settings.md (`python -m sd_finetune.settings.reference`)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .catalogue import all_options, members
from .duration import Duration
from .option import AUTO
from .options import Settings
from .values import range_text


class OptionRow(NamedTuple):
    """One option in words; `name` is the full one, as "lora.rank", and `default` is written as in TOML."""

    name: str
    default: str
    unit: str
    range: str
    help: str


def option_table() -> list[OptionRow]:
    """Every option, in the order in which the groups and their options are written."""
    rows: list[OptionRow] = []
    for name, member in all_options().items():
        assert member.option is not None
        facts = member.option
        rows.append(OptionRow(name, _toml_text(facts.default), facts.unit, range_text(member), facts.help))
    return rows


def help_text() -> str:
    """Every option with default, unit, range and help, as the foot of --help."""
    lines = ["settings (write them in SETTINGS.toml, or on the command line as --set group.option=value):"]
    for heading, summary, rows in _sections():
        lines += ["", f"{heading}  {summary}" if heading else summary]
        for row in rows:
            unit = f"{row.unit}; " if row.unit else ""
            lines += [f"  {row.name} = {row.default}  ({unit}{row.range})", f"      {row.help}"]
    return "\n".join(lines)


def markdown() -> str:
    """The reference page of all options."""
    lines = [
        "# Settings",
        "",
        "Made from `sd_finetune/settings/options.py` by `python -m sd_finetune.settings.reference > docs/settings.md`.",
        'On the command line write `--set train.length="400 steps"` or, for the first concept, '
        "`--set concepts.1.repeats=2`.",
    ]
    for heading, summary, rows in _sections():
        lines += ["", f"## {heading or 'At the top'}", "", summary, ""]
        lines += ["| option | default | unit | takes | what it does |", "|---|---|---|---|---|"]
        for row in rows:
            short = row.name.rpartition(".")[2]
            lines.append(f"| `{short}` | `{row.default}` | {row.unit} | {row.range} | {row.help} |")
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, str, list[OptionRow]]]:
    """Heading as in TOML, what the group is, and its options."""
    table = option_table()
    yield "", "What to train.", [row for row in table if "." not in row.name]
    for member in members(Settings):
        if member.group is not None:
            heading = f"[[{member.name}]]" if member.is_list else f"[{member.name}]"
            rows = [row for row in table if row.name.startswith(member.name + ".")]
            yield heading, inspect.getdoc(member.group) or "", rows


def _toml_text(value: Any) -> str:
    if value is None:
        return json.dumps(AUTO)
    return json.dumps(str(value) if isinstance(value, Duration) else value)


if __name__ == "__main__":
    print(markdown(), end="")
