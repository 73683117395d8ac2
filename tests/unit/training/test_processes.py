"""How the processes of a run share its work, and what is said of one that ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sd_finetune.runs import launch
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.launched import Launch
from sd_finetune.runs.meeting import Meeting, new_meeting, remove_old_meetings
from sd_finetune.training.orders import ProcessLost, orders_of
from sd_finetune.training.portions import portions
from sd_finetune.training.processes import others as others_module
from sd_finetune.training.processes.others import LOST, Others
from sd_finetune.training.processes.processes import ALONE, share_of


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("items", [0, 1, 2, 3, 7, 16])
def test_each_item_is_in_one_share_and_shares_are_alike(items: int, count: int) -> None:
    shares = [share_of(range(items), number, count) for number in range(count)]
    assert [item for share in shares for item in share] == list(range(items))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert sizes[0] == max(sizes)


def test_alone_everything_is_ones_own() -> None:
    assert ALONE.share([1, 2, 3]) == [1, 2, 3]
    assert list(ALONE.each(str, [1, 2])) == ["1", "2"]


def test_portions_are_as_large_as_they_may_be() -> None:
    assert list(portions(["aaa", "b", "cc", "d"], len, 3)) == [["aaa"], ["b", "cc"], ["d"]]
    assert list(portions(["too long", "a"], len, 3)) == [["too long"], ["a"]]
    assert list(portions([], len, 3)) == []


@pytest.mark.parametrize(
    ("visible", "own"), [(None, "12"), ("", "12"), ("4, 6,7", "67"), ("GPU-a,GPU-b", ["GPU-b", "2"])]
)
def test_each_process_sees_a_gpu_of_its_own(
    visible: str | None, own: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
        if visible is not None:
            monkeypatch.setenv(name, visible)
        key = name if visible else "CUDA_VISIBLE_DEVICES"
        assert [launch.seeing_one_gpu(number) for number in (1, 2)] == [{key: each} for each in own]


def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *codes: str) -> Others:
    """Other processes than the first that do this in place of a worker's work."""
    commands = [[sys.executable, "-c", code] for code in codes]
    monkeypatch.setattr(launch, "command_of_other", lambda *_: commands.pop(0))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Others(RunFolder(tmp_path), len(codes) + 1, [])


def meetings(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("sd-finetune-*"))


def test_the_one_that_failed_is_named_and_not_those_that_lost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = "import sys; print('the last of it'); sys.exit(1)"
    others = ended(tmp_path, monkeypatch, f"import sys; sys.exit({LOST})", fails)
    assert others.why() == (
        'The process of device 3 of 3 ended with exit code 1 before the run was done; its last output was "the last of '
        'it".'
    )
    assert "the last of it" in capsys.readouterr().out, "it is in the worker's log"
    others.meeting.sentence(2).write_text("CUDA out of memory.", encoding="utf-8")
    assert others.why() == "On device 3 of 3: CUDA out of memory."
    others.end()
    assert not meetings(tmp_path)


def test_where_all_have_lost_each_other_what_they_printed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(others_module, "NOTICE_SECONDS", 0.1)
    loses = [f"import sys; print('NCCL error of {number}'); sys.exit({LOST})" for number in (1, 2)]
    others = ended(tmp_path, monkeypatch, *loses)
    while not all(others.meeting.log(number).stat().st_size for number in (1, 2)):
        time.sleep(0.01)
    assert others.why().startswith("The run's processes have lost each other")
    assert capsys.readouterr().out.split("\n") == ["NCCL error of 1", "", "NCCL error of 2", "", ""]
    others.end()


FOLLOWS = """
import sys, time
from pathlib import Path
from sd_finetune.runs.meeting import Meeting
meeting = Meeting(Path(sys.argv[1]))
here = meeting.come(1)
while meeting.is_here(0):
    time.sleep(0.01)
"""
"""Another process that has come, and that ends with the first."""


def come(meeting: Meeting) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", FOLLOWS, str(meeting.folder)], cwd=Path(__file__).parents[3])
    while meeting.process(1) != process.pid:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_they_end_when_the_first_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that it has started, and those of a launcher, which is told of one that ends before."""
    others = ended(tmp_path, monkeypatch, "import time; time.sleep(0.1)")
    others.end()
    assert not meetings(tmp_path)

    launched = Launch(0, 2, "127.0.0.1", 1, True, "0", {})
    others = Others(RunFolder(tmp_path), 2, [], launched)
    assert not others.one_has_failed(), "it has not come yet"
    process = come(others.meeting)
    assert not others.one_has_failed()
    others.end()
    assert process.wait(10) == 0
    assert not meetings(tmp_path)

    others = Others(RunFolder(tmp_path), 2, [], launched)
    process = come(others.meeting)
    process.kill()
    process.wait()
    assert others.one_has_failed()
    assert others.why() == "The process of device 2 of 2 ended before the run was done."
    others.end()


def test_a_first_process_that_was_killed_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sees its end removes it, and not that of a run which goes on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = FOLLOWS.replace("come(1)", "come(0)").replace("is_here(0)", "store.exists() is False")
    killed, at_work, begins = new_meeting(), new_meeting(), new_meeting()
    process = subprocess.Popen([sys.executable, "-c", code, str(killed.folder)], cwd=Path(__file__).parents[3])
    while killed.process(0) != process.pid:
        time.sleep(0.01)
    here = at_work.come(0)
    process.kill()
    process.wait()
    remove_old_meetings()
    assert sorted(meetings(tmp_path)) == sorted([at_work.folder, begins.folder])
    assert here is not None
    here.release()


def test_the_first_process_does_not_wait_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at the next chance, and ends if there is none."""
    codes: list[int] = []
    monkeypatch.setattr(others_module, "NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(others_module.os, "_exit", codes.append)
    others = ended(tmp_path, monkeypatch, "import sys; sys.exit(1)")
    told, orders = list[str](), orders_of(RunFolder(tmp_path))
    orders.check()
    others.watch(orders, lambda: told.append(others.why()))
    for thread in others_module.threading.enumerate():
        if thread.name == "other processes":
            thread.join(10)
    with pytest.raises(ProcessLost):
        orders.check()
    assert codes == [1]
    assert told[0].startswith("The process of device 2 of 2 ended with exit code 1")
    assert not meetings(tmp_path)


FAILS = """
import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from sd_finetune.runs.meeting import Meeting
from sd_finetune.training.processes import joining

def fail(options):
    Meeting(options.meeting).sentence(1).write_text("no VRAM.")
    return 1

joining.libraries_imported, joining._follow = nullcontext, fail
sys.exit(joining.join_as_started(Namespace(process=1, meeting=Path(sys.argv[1]))))
"""
"""Another process that has come, and that ends with an error of its own."""


def test_a_launched_process_that_fails_is_noticed_and_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = Others(RunFolder(tmp_path), 2, [], Launch(0, 2, "127.0.0.1", 1, True, "0", {}))
    command = [sys.executable, "-c", FAILS, str(others.meeting.folder)]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], check=False).returncode == 1
    assert others.one_has_failed()
    assert others.why() == "On device 2 of 2: no VRAM."
    others.end()
