from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.runs.atomic import is_file, refuse_unwritable, replacing, replacing_folder


def test_the_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.bin"
    with replacing(path) as unfinished:
        unfinished.write_bytes(b"whole")
        assert not path.exists()
        assert unfinished.parent == path.parent
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_exception_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")

    def write_half() -> None:
        with replacing(path) as unfinished:
            unfinished.write_bytes(b"half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("when", ["writing", "fsync"])
def test_no_space_left_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    path = tmp_path / "model.bin"

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "fsync":
        monkeypatch.setattr(os, "fsync", full)

    def write() -> None:
        with replacing(path) as unfinished:
            unfinished.write_bytes(b"half")
            if when == "writing":
                full()

    with pytest.raises(UserError, match=r"^No space left on the disk for .*model\.bin: free some space or choose"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    places = (tmp_path / "file" / "model.bin", tmp_path / ("n" * 300), tmp_path / "folder")
    for path in places:
        with (
            pytest.raises(UserError, match=r" cannot be written \(.*\): choose another folder"),
            replacing(path) as unfinished,
        ):
            unfinished.write_bytes(b"whole")
    for path in places[:2]:
        with pytest.raises(UserError, match=" cannot be written "):
            refuse_unwritable(path)
    refuse_unwritable(tmp_path / "new" / "newer" / "model.bin")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_that_somebody_takes_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may look at once whether the same new folder can be written to."""
    folder, touch = tmp_path / "new", Path.touch
    others = [1, 1]

    def touched(path: Path) -> None:
        if others:
            others.pop()
            folder.rmdir()
        touch(path)

    monkeypatch.setattr(Path, "touch", touched)
    refuse_unwritable(folder / "model.bin")
    assert not others
    assert not folder.exists()
    others.extend([1] * 100)
    with pytest.raises(UserError, match="cannot be written"):
        refuse_unwritable(folder / "model.bin")


def test_an_error_without_a_number_keeps_its_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be written \(encoder error -2\)"), replacing(tmp_path / "x.png"):
        raise OSError("encoder error -2")


def test_what_the_block_cannot_read_is_another_matter(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"), replacing(tmp_path / "model.bin"):
        (tmp_path / "source").read_bytes()


def test_a_path_at_which_nothing_can_be_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert is_file(tmp_path / "file")
    for path in (tmp_path / ("x" * 300), tmp_path / "loop", tmp_path / "file" / "x", tmp_path / "a\0b", tmp_path):
        assert not is_file(path)


def test_a_file_in_a_closed_folder_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    assert not is_file(tmp_path / "file")


def test_all_files_of_a_folder_are_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut it would else be there with empty files."""
    synced = put_on_disk(tmp_path / "model", monkeypatch)
    with replacing_folder(tmp_path / "model") as unfinished:
        (unfinished / "unet").mkdir()
        for name in ("model_index.json", "unet/config.json"):
            (unfinished / name).write_text("{}")
    whole = tmp_path / "model"
    entries = [whole, *whole.rglob("*")] if os.name == "posix" else filter(is_file, whole.rglob("*"))
    assert synced[False] == {entry.stat().st_ino for entry in entries}
    assert synced[True] == ({tmp_path.stat().st_ino} if os.name == "posix" else set())


def put_on_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[bool, set[int]]:
    """What is put on the disk from now on, by whether `path` was there already."""
    synced: dict[bool, set[int]] = {False: set(), True: set()}
    monkeypatch.setattr(os, "fsync", lambda number: synced[path.exists()].add(os.fstat(number).st_ino))
    return synced


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot")
@pytest.mark.parametrize("must_last", [True, False])
def test_a_new_name_is_on_the_disk_before_anything_else_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, must_last: bool
) -> None:
    """Else the snapshots that are removed after a result was saved could be gone, and the result too."""
    synced = put_on_disk(tmp_path / "model.bin", monkeypatch)
    with replacing(tmp_path / "model.bin", must_last) as unfinished:
        unfinished.write_bytes(b"whole")
    assert synced[False] == {(tmp_path / "model.bin").stat().st_ino}
    assert synced[True] == ({tmp_path.stat().st_ino} if must_last else set())


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot")
def test_where_names_cannot_be_put_on_the_disk_it_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("sd_finetune.runs.atomic.os.open", refuse)
    with replacing(tmp_path / "model.bin") as unfinished:
        unfinished.write_bytes(b"whole")
    assert (tmp_path / "model.bin").read_bytes() == b"whole"
