"""docs/hosts.md says what tests in WebUIs have proved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.webui import proved

FACTS: dict[str, Any] = {"title": "Forge", "version": "1", "packages": {"Python": "3.10"}, "unusable": ["hypernetwork"]}


def test_the_page_is_what_was_noted() -> None:
    assert proved.PAGE.read_text(encoding="utf-8") == proved.page(), "run python -m tests.webui.proved"


@pytest.mark.parametrize("keys", [keys for each in proved.ROWS.values() for keys in each], ids=lambda keys: keys[0])
def test_what_proves_a_row_exists(keys: tuple[str, ...]) -> None:
    for key in keys:
        file, _, name = re.sub(r"\[.*", "", key).partition("::")
        assert f"def {name}(" in (Path(proved.__file__).parent / file).read_text(encoding="utf-8"), key


def test_what_failed_is_not_kept_and_what_was_not_tried_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proved, "NOTES", tmp_path)
    tab, run, reload = sorted(keys[0] for each in list(proved.ROWS.values())[:3] for keys in each)
    proved.note("forge", FACTS, {tab: True, run: True})
    proved.note("forge", FACTS, {run: False, reload: True, "test_other.py::test_of_no_row": True})
    assert proved.notes()["forge"]["passed"] == [tab, reload]


def test_a_row_needs_all_its_tests_and_says_what_is_of_no_use() -> None:
    tests = [keys[0] for each in proved.ROWS.values() for keys in each]
    cells = {line.split(" | ")[0]: line for line in proved.table({"forge": {**FACTS, "passed": tests}}).splitlines()}
    assert [line for line in cells.values() if "not tried" in line] == []
    assert next(words for words, line in cells.items() if "not usable" in line).startswith("| Hypernetwork")
    missing = proved.table({"forge": {**FACTS, "passed": [key for key in tests if "dreambooth" not in key]}})
    assert missing.count("not tried") == 2


def test_a_test_is_known_by_its_file_its_name_and_its_method() -> None:
    assert (
        proved.key_of("tests/webui/test_a.py::test_b[forge-lora]", {"method": "lora", "kind": 1})
        == "test_a.py::test_b[lora]"
    )
    assert proved.key_of("tests/webui/test_a.py::test_b[forge]", {"kind": 1}) == "test_a.py::test_b"
