"""Windows paths in TOML's double quotes, where a backslash begins an escape."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.read import read_toml
from sd_finetune.settings.toml import load_toml


def told(tmp_path: Path, line: str) -> str:
    file = tmp_path / "a.toml"
    file.write_text(f"[base]\ncheckpoint = 'x'\n[[concepts]]\n{line}\nrepeats = 2\n", encoding="utf-8")
    with pytest.raises(UserError) as raised:
        load_toml(file)
    return str(raised.value).removeprefix(f"{file}, ")


@pytest.mark.parametrize(
    ("line", "way_out"),
    [
        (r'folder = "C:\new"', r"""'C:\new' in single quotes, or "C:/new" with forward slashes."""),
        (r'folder="D:\Users\me" # mine', r"""'D:\Users\me' in single quotes, or "D:/Users/me" with forward slashes."""),
        (r'folder = "C:\dogs\"', r"""'C:\dogs\' in single quotes, or "C:/dogs/" with forward slashes."""),
        (r'folder = "\\server\new"', r"""'\\server\new' in single quotes, or "//server/new" with forward slashes."""),
        (r'folder = "C:\John' + "'" + r's dogs"', """"C:/John's dogs" with forward slashes."""),
        (r'folder = "my\dogs"', r"'my\dogs' in single quotes, or each backslash twice; a path can also have"),
        (r'instance_prompt = "a \(b\)"', r"'a \(b\)' in single quotes, or each backslash twice"),
    ],
)
def test_the_line_and_how_to_write_it_is_told(tmp_path: Path, line: str, way_out: str) -> None:
    sentence = told(tmp_path, line)
    written = line.partition('"')[2].partition('"')[0]
    problem = f'line 4: "{written}" has backslashes, which TOML reads as escapes in double quotes: write '
    assert sentence.startswith(problem + way_out)


@pytest.mark.parametrize(
    "line",
    [
        r'folder = "C:\\new\\dogs"',
        r"folder = 'C:\new'",
        'folder = "C:/new"',
        r'folder = "\\\\server\\new"',
        r'# folder = "C:\new"',
        r"""instance_prompt = 'a "C:\new"'""",
    ],
)
def test_what_is_written_well_is_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.toml").write_text(f"[[concepts]]\n{line}\n", encoding="utf-8")
    (concept,) = load_toml(tmp_path / "a.toml")["concepts"]
    assert "\n" not in "".join(concept.values())


def test_an_escape_that_became_a_line_break_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[base]\ncheckpoint = "models\\new.ckpt"\n', encoding="utf-8")
    with pytest.raises(
        UserError, match=r'base\.checkpoint = ".*models\\new\.ckpt" has a line break .*: use a path, in TOML'
    ):
        read_toml(tmp_path / "a.toml")


def test_other_faults_of_toml_are_told_as_before(tmp_path: Path) -> None:
    assert "is not valid TOML" in told(tmp_path, "folder = [1, 2")
    assert "is not valid TOML" in told(tmp_path, "folder = C:/new")
