"""The example's checkpoint is among the WebUI's while a project is based on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.hosts.host import BaseCheckpoint, Example
from sd_finetune.hosts.webui.example import PlacedExample


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    file = tmp_path / "package" / "toy.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"toy")
    return file


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def placed(toy: Path, checkpoints: Path) -> PlacedExample:
    def place(folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "toy.yaml").touch()
        return Path(shutil.copy(toy, folder))

    return PlacedExample(Example(Path("lora.toml"), toy, place), checkpoints)


def test_it_is_put_into_a_folder_of_its_own_and_goes_with_the_last_project(toy: Path, checkpoints: Path) -> None:
    example = placed(toy, checkpoints)
    (checkpoints / "toy.safetensors").write_bytes(b"not ours")
    file = example.begin([BaseCheckpoint("toy.safetensors", checkpoints / "toy.safetensors")])
    assert file == checkpoints / "sd-finetune-example" / "toy.safetensors"
    assert not example.end([checkpoints / "other.safetensors", file])
    assert file.is_file()
    assert example.end([checkpoints / "other.safetensors"])
    assert [path.name for path in checkpoints.iterdir()] == ["toy.safetensors"]
    assert not example.end([])


def test_a_copy_that_is_listed_already_is_used_and_stays(toy: Path, checkpoints: Path) -> None:
    example, own = placed(toy, checkpoints), checkpoints / "own.safetensors"
    shutil.copy(toy, own)
    listed = [BaseCheckpoint("gone", checkpoints / "gone.safetensors"), BaseCheckpoint("own", own)]
    assert example.begin(listed) != own, "without its .yaml the WebUI cannot load it"
    assert example.end([])
    own.with_suffix(".yaml").touch()
    assert example.begin(listed) == own
    assert not example.end([])
    assert own.is_file()


def test_without_room_it_says_so(toy: Path, checkpoints: Path) -> None:
    def place(folder: Path) -> Path:
        raise OSError(28, "No space left on device")

    example = PlacedExample(Example(Path("lora.toml"), toy, place), checkpoints)
    with pytest.raises(UserError, match=r"cannot be put into .*sd-finetune-example: No space left on device; free"):
        example.begin([])


def test_which_checkpoint_it_placed_is_known(toy: Path, checkpoints: Path) -> None:
    example = placed(toy, checkpoints)
    assert example.holds(example.begin([]))
    assert not example.holds(checkpoints / "toy.safetensors")
