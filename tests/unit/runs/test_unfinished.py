from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sd_finetune.runs import unfinished
from sd_finetune.runs.atomic import replacing
from sd_finetune.runs.unfinished import (
    is_left_over,
    remove_leftovers,
    remove_leftovers_of_runs,
    unfinished_name,
)

DAY = 24 * 3600


def made(path: Path, age: float = 0.0) -> Path:
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def of_process(path: Path, pid: int, started: int) -> Path:
    """The name that another process would give."""
    name = re.sub(r"-[0-9]+-[0-9]+-(?=[0-9a-f]{8}\.)", f"-{pid}-{started}-", unfinished_name(path).name)
    return path.with_name(name)


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "dog.safetensors") as path:
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
        remove_leftovers([tmp_path])
        assert path.exists()
        assert path.name.startswith(".dog.safetensors.")


def test_what_a_killed_process_left_is_removed(tmp_path: Path, gone: int) -> None:
    """Really killed, in the midst of a file and of a folder."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from sd_finetune.runs.atomic import replacing, replacing_folder\n"
        "at = Path(sys.argv[1])\n"
        "with replacing(at / 'dog.ckpt') as path, replacing_folder(at / 'step') as folder:\n"
        "    path.write_bytes(b'half'); (folder / 'a').write_bytes(b'half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    kept = [made(tmp_path / ".hidden"), made(tmp_path / "dog.safetensors"), made(tmp_path / ".dog.1.unfinished")]
    assert len(list(tmp_path.iterdir())) == len(kept) + 2
    remove_leftovers([tmp_path, tmp_path / "missing"])
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_another_process_of_the_same_number_is_told_by_its_start(tmp_path: Path) -> None:
    mine = int(psutil.Process().create_time())
    for started, age, left in [(mine, DAY, False), (mine - 100, 0, False), (mine - 100, 3600, True)]:
        path = made(of_process(tmp_path / "a", os.getpid(), started), age)
        assert is_left_over(path) == left, (started, age)


@pytest.mark.parametrize("name", [".dog.ckpt.1a2b3c4d.unfinished", ".step-000004.unfinished"])
def test_those_of_earlier_versions_are_removed_after_a_day(tmp_path: Path, name: str) -> None:
    assert not is_left_over(made(tmp_path / name, 3600))
    assert is_left_over(made(tmp_path / name, DAY + 60))


def test_those_of_another_computer_are_removed_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    path = of_process(tmp_path / "a", gone, 1)
    assert is_left_over(made(path))
    monkeypatch.setattr(unfinished.platform, "node", lambda: "another")
    assert not is_left_over(made(path, 3600))
    assert is_left_over(made(path, DAY + 60))


def test_all_folders_of_runs_are_looked_into_and_no_others(tmp_path: Path, gone: int) -> None:
    run, other = tmp_path / "dog-001", tmp_path / "photographs"
    snapshot = run / "snapshots" / "step-000004"
    folders = [tmp_path, run, run / "output", run / "samples", run / "snapshots", snapshot]
    for folder in (*folders, other):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("settings.json", "base.json"):
        (run / name).touch()
    left = [made(of_process(folder / "a", gone, 1)) for folder in (*folders, other)]
    remove_leftovers_of_runs(tmp_path)
    assert [path.exists() for path in left] == [False] * len(folders) + [True]


def test_a_long_name_has_room_for_the_rest(tmp_path: Path) -> None:
    name = "\N{SNOWMAN}" * 80 + ".safetensors"
    with replacing(tmp_path / name) as path:
        path.write_bytes(b"whole")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
