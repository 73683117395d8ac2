"""What a run takes for its own result; tests/recipe/test_own_results.py has the worker's side."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sd_finetune.runs import own_results
from sd_finetune.runs.file_lock import hold
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import EventLog, Saved
from sd_finetune.runs.own_results import Known, OwnResults, is_named_as, saving_in, what_is_at

FILE = (".safetensors", ".yaml")


def saved_by(run: RunFolder, path: Path) -> OwnResults:
    run.path.mkdir(exist_ok=True)
    known = what_is_at(path)
    assert known is not None
    EventLog(run.events).append(Saved(1, "checkpoint", str(path), known.size, known.modified))
    return OwnResults(run)


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "dog.safetensors"
    path.write_text("dog")
    own = saved_by(RunFolder(tmp_path / "run"), path)
    known = what_is_at(path)
    assert known is not None
    os.utime(path, (known.modified + 1, known.modified + 1))  # as a disk that keeps even seconds tells it
    assert own.may_replace(path, FILE)
    os.utime(path, (known.modified + 10, known.modified + 10))
    assert not own.may_replace(path, FILE)
    path.write_text("cat beside it")
    os.utime(path, (known.modified, known.modified))
    assert own.place_for(path, FILE).name == "dog-2.safetensors"


def test_a_folder_is_known_by_all_in_it(tmp_path: Path) -> None:
    (tmp_path / "dog.v1" / "unet").mkdir(parents=True)
    for name in ("unet/a", "b"):
        (tmp_path / "dog.v1" / name).write_text(name)
    os.utime(tmp_path / "dog.v1" / "b", (5.0, 5.0))
    os.utime(tmp_path / "dog.v1" / "unet" / "a", (7.0, 7.0))
    assert what_is_at(tmp_path / "dog.v1") == Known(7, 7.0)
    assert what_is_at(tmp_path / "cat") is None
    own = saved_by(RunFolder(tmp_path / "run"), tmp_path / "dog.v1")
    assert own.may_replace(tmp_path / "dog.v1", ("",))
    (tmp_path / "dog.v1" / "c").write_text("c")
    assert own.place_for(tmp_path / "dog.v1", ("",), [tmp_path / "dog.v1-2"]).name == "dog.v1-3"


def test_a_config_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "dog.yaml").write_text("somebody's")
    own = OwnResults(RunFolder(tmp_path / "run"))
    assert own.place_for(tmp_path / "dog.safetensors", FILE).name == "dog-2.safetensors"


@pytest.mark.parametrize(
    ("name", "is_so"),
    [("dog", True), ("dog-2", True), ("dog-12", True), ("dog-02", False), ("dog-b", False), ("d", False)],
)
def test_a_name_with_a_number_is_known(name: str, is_so: bool) -> None:
    assert is_named_as(Path(f"/r/{name}.pt"), Path("/r/dog.pt"), ".pt") == is_so


def test_one_saves_in_a_folder_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_results.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(own_results, "PATIENCE_SECONDS", 0.0)
    run = RunFolder(tmp_path / "run")
    with saving_in(run, [tmp_path / "results", run.output]):
        (lock,) = tmp_path.glob("*.lock")
        assert hold(lock, patience=0.0) is None
        with saving_in(run, [tmp_path / "results"]):
            pass  # it waits no longer than told
    again = hold(lock, patience=0.0)
    assert again is not None
    again.release()
