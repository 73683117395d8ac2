"""Notes of what was found out about images: another process reads no file again, and none is believed that changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from sd_finetune.data import seen_before, usable
from sd_finetune.data.image_cache import amount_in, notes_in, remove_unused
from sd_finetune.data.images import Seen, look_at
from sd_finetune.data.usable import Look, UsableImages, usable_images


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def folder(save) -> Path:
    """Two images and a damaged one, which were not changed for a while."""
    for name in ("own/1.png", "own/sub/2.jpg"):
        save(name)
    broken = save("own/3.png")
    broken.write_bytes(broken.read_bytes()[:40])
    return broken.parent


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    monkeypatch.setattr(seen_before, "SETTLED_SECONDS", -1)


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the files that are read from now on."""
    names: list[str] = []

    def noting(path: Path, *others: object) -> Seen:
        names.append(path.name)
        return look_at(path, *others)

    monkeypatch.setattr(usable, "look_at", noting)
    return names


def in_a_new_process(folder: Path, cache: Path, **look: object) -> UsableImages:
    usable._remembered.cache_clear()
    return usable_images(folder, look=Look(notes=notes_in(cache), **look))


def test_another_process_reads_nothing_again(folder, cache, read):
    first = in_a_new_process(folder, cache)
    assert sorted(read) == ["1.png", "2.jpg", "3.png"]
    read.clear()
    assert in_a_new_process(folder, cache) == first
    assert read == []
    assert first.sizes == dict.fromkeys(first.images, (40, 30))
    assert [skipped.path.name for skipped in first.skipped] == ["3.png"]
    in_a_new_process(folder, cache / "another")
    assert sorted(read) == ["1.png", "2.jpg", "3.png"]


def test_what_changed_is_read_again(folder, cache, save, read):
    in_a_new_process(folder, cache)
    read.clear()
    save("own/3.png")
    save("own/4.png")
    first = folder / "1.png"
    before = first.stat()
    first.write_bytes(bytes(before.st_size))
    os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy that keeps times
    found = in_a_new_process(folder, cache)
    assert sorted(read) == ["1.png", "3.png", "4.png"]
    assert [path.name for path in found.images] == ["3.png", "4.png", "2.jpg"]
    read.clear()
    in_a_new_process(folder, cache)
    assert read == []


def test_a_file_that_may_change_within_a_tick_of_the_clock_is_not_noted(folder, cache, read, monkeypatch):
    monkeypatch.setattr(seen_before, "SETTLED_SECONDS", 60)
    in_a_new_process(folder, cache)
    read.clear()
    in_a_new_process(folder, cache)
    assert len(read) == 3


def test_what_may_pass_is_not_noted(folder, cache, monkeypatch):
    def gone(path: Path, *_: object) -> Seen:
        return Seen(None, "cannot be read (Input/output error)", is_lasting=False)

    monkeypatch.setattr(usable, "look_at", gone)
    assert in_a_new_process(folder, cache).images == []
    monkeypatch.setattr(usable, "look_at", look_at)
    assert len(in_a_new_process(folder, cache).images) == 2


def test_a_disk_error_may_pass_and_damage_stays(folder, monkeypatch):
    assert look_at(folder / "3.png").is_lasting
    assert not look_at(folder / "gone.png").is_lasting


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"/1.png": 3}', b'{"/1.png": [1, 2]}', b"[" * 100_000, b"\xff\xfe"]
)
def test_damaged_notes_only_cost_time(folder, cache, read, damage):
    found = in_a_new_process(folder, cache)
    notes = next(notes_in(cache).iterdir())
    notes.write_bytes(damage)
    read.clear()
    assert in_a_new_process(folder, cache) == found
    assert len(read) == 3
    assert set(json.loads(notes.read_text())) == {"/1.png", "/sub/2.jpg", "/3.png"}


def test_a_version_of_pillow_that_reads_other_formats_looks_again(folder, cache, read, monkeypatch):
    in_a_new_process(folder, cache)
    read.clear()
    monkeypatch.setattr("PIL.__version__", "99.0")
    in_a_new_process(folder, cache)
    assert len(read) == 3


def test_notes_of_images_that_are_gone_are_dropped(folder, cache, save):
    in_a_new_process(folder, cache)
    (folder / "1.png").unlink()
    save("own/5.png")
    in_a_new_process(folder, cache)
    notes = next(notes_in(cache).iterdir())
    assert set(json.loads(notes.read_text())) == {"/5.png", "/sub/2.jpg", "/3.png"}


def test_a_place_that_cannot_be_written_to_is_no_fault(folder, tmp_path):
    (tmp_path / "file").touch()
    assert len(in_a_new_process(folder, tmp_path / "file").images) == 2


def test_progress_is_told_where_files_are_read_and_stopping_there_keeps_what_was_seen(folder, cache, read):
    class Stop(Exception):
        pass

    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        in_a_new_process(folder, cache, progress=stop)
    assert told == [(1, 3), (2, 3)]
    read.clear()
    in_a_new_process(folder, cache, progress=lambda *done: told.append(done))
    assert told[2:] == [(3, 3)] * len(read)
    assert len(read) <= 1
    told.clear()
    in_a_new_process(folder, cache, progress=lambda *done: told.append(done))
    assert told == []


def test_the_cache_is_never_taken_for_images(folder, save, read):
    cache = folder / "cache"
    save("own/cache/seen/card.png")  # put there by somebody
    in_a_new_process(folder, cache)
    found = in_a_new_process(folder, cache)
    assert all(cache not in path.parents for path in found.images)
    assert any("is a cache of images" in str(skipped) for skipped in found.skipped)


def test_what_no_run_has_used_for_a_month_is_removed(folder, cache):
    in_a_new_process(folder, cache)
    in_a_new_process(folder / "sub", cache)
    used, unused = sorted(notes_in(cache).iterdir(), key=lambda file: "3.png" not in file.read_text())
    for file in (used, unused):
        os.utime(file, (0, time.time() - 31 * 24 * 3600))
    in_a_new_process(folder, cache)
    assert amount_in(cache).files == 2
    assert remove_unused(cache).files == 1
    assert list(notes_in(cache).iterdir()) == [used]


def test_only_files_of_our_own_are_removed(cache, save):
    cache.mkdir()
    for name in ("cache/a.json", "cache/seen/a.txt", "cache/seen/a.json"):
        (cache.parent / name).parent.mkdir(exist_ok=True)
        (cache.parent / name).write_text("")
    assert remove_unused(cache, days=0).files == 0  # it has no note of ours
    (cache / "image-cache.json").write_text("{}")
    assert remove_unused(cache, days=0).files == 1
    assert (cache / "a.json").exists()
    assert (cache / "seen/a.txt").exists()
