"""What is a row of a table is named nowhere else in the package: whoever wants to know of it asks the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from sd_finetune.settings.algorithms import ALGORITHMS
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.optimizers import OPTIMIZERS

PACKAGE = Path(__file__).parents[3] / "sd_finetune"

ALLOWED = {
    "settings/optimizers.py": set(OPTIMIZERS),
    "settings/algorithms.py": set(ALGORITHMS),
    "settings/groups/optimizer.py": {"adamw"},  # the default
    "settings/migrations.py": set(OPTIMIZERS),  # of versions in which there were no others
    "settings/foreign_names.py": {"adamw8bit"},  # what another program's switch means
    "optimizers/kept_state.py": {"adamw"},  # of snapshots from the time when there was no other
    "families/presets.py": {"adafactor"},  # what Fit to this GPU chooses
    "vram/savings.py": {"adafactor"},
}
"""Where a choice itself is made. An algorithm's own file names its row too."""


def named(source: str, names: set[str]) -> Iterator[str]:
    """Texts of the source that are one of the names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names:
            yield node.value


def test_it_is_found() -> None:
    assert list(named('if name == "lokr":\n    """lokr is told of"""', {"lokr"})) == ["lokr"]


def test_no_other_file_names_one() -> None:
    """Names of schedules mean other things elsewhere, and so does "lora": see tests/recipe/test_one_row_more.py."""
    rows = set(OPTIMIZERS) | set(ALGORITHMS) - set(METHODS)
    found: dict[str, set[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        own = {file.stem} if place.startswith("low_rank/") else set[str]()
        names = set(named(file.read_text(encoding="utf-8"), rows)) - ALLOWED.get(place, set()) - own
        if names:
            found[place] = names
    assert found == {}
