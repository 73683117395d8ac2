"""What Windows refuses while another program has a file open. Only simulated: by what `os` raises there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sd_finetune.errors import CannotWriteError
from sd_finetune.runs import atomic, moving
from sd_finetune.runs.atomic import replacing, replacing_folder
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.unfinished import is_left_over
from sd_finetune.settings.read import from_dict


class Windows:
    """A file that is `mapped` is neither replaced nor removed; one that is `held` is not renamed either."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.mapped: set[int] = set()
        self.held: set[int] = set()
        self.looks = 0
        """How often something new is refused first, as while a virus scanner reads it."""
        patch.setattr(moving, "WINDOWS", True)
        patch.setattr(atomic, "WINDOWS", True)
        patch.setattr(moving, "PATIENCE_SECONDS", 0.2)
        patch.setattr(os, "replace", self._checked(os.replace, removes=True))
        patch.setattr(os, "rename", self._checked(os.rename, removes=False))
        patch.setattr(Path, "unlink", self._unlink(Path.unlink))

    def _checked(self, real: Callable[..., None], removes: bool) -> Callable[..., None]:
        def act(source: Path, target: Path) -> None:
            refused = self.held | (self.mapped if removes else set())
            self.looks -= 1
            if self.looks >= 0 or _number(source) in self.held or _number(target) in refused:
                raise PermissionError(13, "Access is denied", str(source), 5, str(target))
            real(source, target)

        return act

    def _unlink(self, real: Callable[..., None]) -> Callable[..., None]:
        def act(path: Path, **more: bool) -> None:
            if _number(path) in self.mapped | self.held:
                raise PermissionError(13, "Access is denied", str(path))
            real(path, **more)

        return act


def _number(path: Path) -> int:
    return Path(path).stat().st_ino if os.path.lexists(path) else 0


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    return Windows(monkeypatch)


def old_file(folder: Path) -> Path:
    path = folder / "dog.safetensors"
    path.write_bytes(b"old")
    return path


def write(path: Path, content: bytes = b"new") -> None:
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


def test_a_mapped_file_is_put_aside_and_removed_later(tmp_path: Path, windows: Windows) -> None:
    path = old_file(tmp_path)
    windows.mapped.add(_number(path))
    write(path)
    assert path.read_bytes() == b"new"
    (aside,) = (each for each in tmp_path.iterdir() if each != path)
    assert aside.read_bytes() == b"old"
    assert aside.name.startswith(".dog.safetensors.")
    assert not is_left_over(aside)  # as long as this process runs


def test_a_file_that_is_held_is_a_sentence_and_stays(tmp_path: Path, windows: Windows) -> None:
    path = old_file(tmp_path)
    windows.held.add(_number(path))
    with pytest.raises(CannotWriteError, match=r"dog\.safetensors is open in another program: close it there, or"):
        write(path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_who_looks_for_a_moment_is_waited_for(tmp_path: Path, windows: Windows) -> None:
    windows.looks = 2
    write(tmp_path / "dog.safetensors")
    windows.looks = 2
    with replacing_folder(tmp_path / "step-000001") as unfinished:
        (unfinished / "a").write_bytes(b"a")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dog.safetensors", "step-000001"]


def test_a_folder_with_a_mapped_file_makes_way(
    tmp_path: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "step-000001"
    folder.mkdir()
    windows.mapped.add(_number(old_file(folder)))
    real = shutil.rmtree

    def rmtree(path: Path, ignore_errors: bool = False) -> None:  # which does not ask Path.unlink
        if not any(_number(each) in windows.mapped for each in Path(path).glob("*")):
            real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with replacing_folder(folder) as unfinished:
        (unfinished / "new").write_bytes(b"new")
    assert [each.name for each in folder.iterdir()] == ["new"]


def test_an_old_folder_is_whole_until_the_new_one_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the process ends meanwhile; and it is back where the new one cannot be renamed."""
    folder, rename = tmp_path / "model", os.rename
    folder.mkdir()
    old_file(folder)
    removed: list[bool] = []

    def refuse_the_new(source: Path, target: Path) -> None:
        if (Path(source) / "new").exists():
            raise PermissionError(13, "Permission denied", str(source))
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse_the_new)
        with pytest.raises(CannotWriteError), replacing_folder(folder) as unfinished:
            (unfinished / "new").touch()
    assert [path.read_bytes() for path in folder.iterdir()] == [b"old"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]

    monkeypatch.setattr(moving.shutil, "rmtree", lambda *_, **__: removed.append((folder / "new").exists()))
    with replacing_folder(folder) as unfinished:
        (unfinished / "new").touch()
    assert removed[0]


def test_elsewhere_nothing_is_tried_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[Path] = []

    def refuse(source: Path, target: Path) -> None:
        tries.append(target)
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(moving, "WINDOWS", False)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CannotWriteError, match=r"cannot be written \(Permission denied\)"):
        write(old_file(tmp_path))
    assert len(tries) == 1


def test_a_path_that_is_too_long_for_windows_is_a_sentence(tmp_path: Path, windows: Windows) -> None:
    path = tmp_path.joinpath(*["long" * 20] * 3, "dog.safetensors")

    def refuse(*_: object) -> None:
        raise FileNotFoundError(2, "The system cannot find the path specified", str(path))

    sentence = "has more than the 259 characters that Windows takes: choose a shorter"
    with pytest.raises(CannotWriteError, match=sentence), replacing(path):
        refuse()


def test_a_run_whose_name_differs_in_case_alone_gets_the_next_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows and macOS take Dog-001 for dog-001."""
    real, checkpoint = os.rename, tmp_path / "a.safetensors"
    checkpoint.write_bytes(b"a")

    def rename(source: Path, target: Path) -> None:
        if any(each.name.casefold() == target.name.casefold() for each in target.parent.iterdir()):
            raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", str(target))
        real(source, target)

    concept = {"folder": "dogs", "instance_prompt": "a dog", "class_prompt": "a dog"}
    settings = from_dict({"base": {"checkpoint": str(checkpoint)}, "concepts": [concept]})
    monkeypatch.setattr(os, "rename", rename)
    made = [RunFolder.create(tmp_path, name, settings).path.name for name in ("dog", "Dog")]
    assert made == ["dog-001", "Dog-002"]
