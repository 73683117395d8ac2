"""How the processes of a run share its work, and what is said of one that ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sd_finetune.runs import launch
from sd_finetune.runs.folder import RunFolder
from sd_finetune.training.portions import portions
from sd_finetune.training.processes import others as others_module
from sd_finetune.training.processes.others import LOST, Others, log_file, sentence_file
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
    return Others(RunFolder(tmp_path), len(codes) + 1, [])


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
    sentence_file(others.meeting, 2).write_text("CUDA out of memory.", encoding="utf-8")
    assert others.why() == "On device 3 of 3: CUDA out of memory."
    others.end()
    assert not others.meeting.exists()


def test_they_end_when_their_standard_input_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = ended(tmp_path, monkeypatch, "import sys; sys.stdin.read(); print('ended')")
    with monkeypatch.context() as patch:
        patch.setattr(others_module.shutil, "rmtree", lambda *_, **__: None)
        others.end()
    assert log_file(others.meeting, 1).read_text(encoding="utf-8").strip() == "ended"
    others.end()
    assert not others.meeting.exists()


def test_the_first_process_does_not_wait_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(others_module, "NOTICE_SECONDS", 0.1)
    monkeypatch.setattr(others_module.os, "_exit", codes.append)
    others = ended(tmp_path, monkeypatch, "import sys; sys.exit(1)")
    told: list[str] = []
    others.watch(lambda: told.append(others.why()))
    for thread in others_module.threading.enumerate():
        if thread.name == "other processes":
            thread.join(10)
    assert codes == [1]
    assert told[0].startswith("The process of device 2 of 2 ended with exit code 1")
    others.end()
