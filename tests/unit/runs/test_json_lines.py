from __future__ import annotations

import errno
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sd_finetune.errors import UserError
from sd_finetune.runs.json_lines import append_line, read_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


def test_reading_goes_on_where_it_ended(path: Path) -> None:
    assert read_lines(path) == ([], 0)
    append_line(path, {"a": 1, "text": "ä\nb"})
    first, position = read_lines(path)
    append_line(path, {"a": 2})
    append_line(path, {"a": 3})
    second, end = read_lines(path, position)
    assert first == [{"a": 1, "text": "ä\nb"}]
    assert second == [{"a": 2}, {"a": 3}]
    assert read_lines(path, end) == ([], end)
    assert end == path.stat().st_size


@settings(deadline=None)
@given(st.integers(1, 30), st.data())
def test_a_line_in_the_making_comes_when_it_is_whole(
    tmp_path_factory: pytest.TempPathFactory, n: int, data: Any
) -> None:
    path = tmp_path_factory.mktemp("torn") / "lines.jsonl"
    whole = b"".join(json.dumps({"n": i, "text": "ü" * i}, ensure_ascii=False).encode() + b"\n" for i in range(n))
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    first, position = read_lines(path)
    path.write_bytes(whole)
    second, _ = read_lines(path, position)
    assert [line["n"] for line in first] == list(range(whole[:cut].count(b"\n")))
    assert [line["n"] for line in first + second] == list(range(n))


def test_a_line_torn_by_a_crash_costs_only_itself(path: Path) -> None:
    append_line(path, {"a": 1})
    with path.open("ab") as file:
        file.write(b'{"a": 2, "loss"')
    append_line(path, {"a": 3})
    assert read_lines(path)[0] == [{"a": 1}, {"a": 3}]


def test_lines_that_are_no_objects_are_left_out(path: Path) -> None:
    path.write_bytes(b'\n[1]\n"x"\n\xff\xfe\n{"a": 1}\n')
    assert read_lines(path)[0] == [{"a": 1}]


def test_written_lines_are_json_that_browsers_take(path: Path) -> None:
    append_line(path, {"loss": math.nan, "rates": {"unet": math.inf, "text_encoder": 1e-5}})
    line = json.loads(path.read_bytes(), parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert line == {"loss": "nan", "rates": {"unet": "inf", "text_encoder": 1e-5}}


def test_no_space_left_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    said = rf"^No space left on the disk for {path}: free some space or choose another folder\.$"
    with pytest.raises(UserError, match=said):
        append_line(path, {"a": 1})
