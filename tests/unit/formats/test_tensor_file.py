"""Files of tensors: ours are safetensors to every reader, and damage gets a sentence."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.tensor_file import is_finite, read_tensors, write_tensors


@pytest.fixture
def mixed() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "half": torch.randn(3, 5).half(),
        "brain": torch.randn(7).bfloat16(),
        "single": torch.randn(2, 2, 2),
        "double": torch.randn(3).double(),
        "long": torch.arange(5),
        "flags": torch.tensor([True, False, True]),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "scalar": torch.tensor(0.1),
        "empty": torch.zeros(0, 4),
        "eighth": torch.randn(5).to(torch.float8_e4m3fn),
        "turned": torch.randn(4, 6).t(),
    }


def bits(tensor: Tensor) -> tuple[torch.dtype, tuple[int, ...], bytes]:
    return tensor.dtype, tuple(tensor.shape), tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.filterwarnings("error")
def test_reading_a_pickle_warns_of_nothing(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "x.pt")
    assert read_tensors(tmp_path / "x.pt").tensors["weight"].tolist() == [1, 1]


def test_any_safetensors_reader_gets_the_same_bits(tmp_path: Path, mixed: dict[str, Tensor]) -> None:
    path = tmp_path / "mixed.safetensors"
    write_tensors(path, mixed, {"é": "ü\n"})
    read = safetensors.torch.load_file(path)
    assert {name: bits(tensor) for name, tensor in read.items()} == {name: bits(t) for name, t in mixed.items()}
    assert read_tensors(path).metadata == {"é": "ü\n"}


def test_the_bytes_are_those_of_safetensors_itself(tmp_path: Path, mixed: dict[str, Tensor]) -> None:
    usual = {name: mixed[name] for name in ("single", "half", "scalar", "long", "empty")}
    write_tensors(tmp_path / "ours.safetensors", usual, {"a": "b"})
    safetensors.torch.save_file(usual, tmp_path / "theirs.safetensors", {"a": "b"})
    ours, theirs = (tmp_path / f"{whose}.safetensors" for whose in ("ours", "theirs"))
    length = struct.unpack("<Q", ours.read_bytes()[:8])[0]
    assert ours.read_bytes()[:8] == theirs.read_bytes()[:8]
    assert ours.read_bytes()[8 + length :] == theirs.read_bytes()[8 + length :]


def test_conversion_on_the_way(tmp_path: Path, mixed: dict[str, Tensor]) -> None:
    write_tensors(tmp_path / "x.safetensors", mixed, {}, {"single": torch.float16})
    read = read_tensors(tmp_path / "x.safetensors").tensors
    assert bits(read["single"]) == bits(mixed["single"].half())
    assert read["scalar"].dtype == torch.float32


def test_tensors_are_mapped_and_a_change_in_place_never_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(1000)}, {})
    before = path.read_bytes()
    tensors = read_tensors(path).tensors
    tensors["a"].add_(1)
    assert tensors["a"].sum() == 2000
    assert path.read_bytes() == before


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_pickles_of_tensors(tmp_path: Path, mixed: dict[str, Tensor], zipped: bool, nested: bool) -> None:
    del mixed["eighth"]
    path = tmp_path / "x.ckpt"
    content = {"state_dict": mixed, "global_step": 7} if nested else {**mixed, "note": "no tensor"}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    read = read_tensors(path)
    assert {name: bits(tensor) for name, tensor in read.tensors.items()} == {name: bits(t) for name, t in mixed.items()}
    assert read.metadata == {}


class Intruder:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch intruded",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("name", "way_out"), [("x.ckpt", r"convert it to \.safetensors"), ("x.pt", "use one with tensors only")]
)
def test_a_pickle_with_a_program_in_it_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool, name: str, way_out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(2), "b": Intruder()}, name, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=f"{name} is a pickle with more than tensors.*{way_out}"):
        read_tensors(Path(name))
    assert not Path("intruded").exists()


@pytest.mark.parametrize("keep", [0, 5, 8, 9, 100, 0.5, -1])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "pickle"])
def test_a_cut_file_is_refused(tmp_path: Path, kind: str, keep: float) -> None:
    path = tmp_path / "x"
    tensors = {f"layer.{k}": torch.randn(50, 50) for k in range(20)}
    if kind == "safetensors":
        write_tensors(path, tensors, {})
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"is (incomplete or damaged|empty \(0 bytes\)): copy or download it again"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page: download the file itself"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is an image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "is only a pointer of Git LFS"),
        (b"GGUF" + bytes(50), "is a GGUF model"),
        (b'{"model": 1}', "is a text of settings"),
        (b"just some words", r"neither a \.safetensors nor a torch \.ckpt file"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_tensors(tmp_path / "model.safetensors")


def test_a_header_whose_length_looks_like_a_pickle_is_still_a_header(tmp_path: Path) -> None:
    # Lengths of 0x4B50 and 0x0280 bytes begin with "PK" and with the pickle protocol.
    for length in (0x4B50, 0x0280):
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        content = struct.pack("<Q", length) + header.ljust(length) + struct.pack("<f", 1.5)
        (tmp_path / "x").write_bytes(content)
        assert read_tensors(tmp_path / "x").tensors["a"].tolist() == [1.5]


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"File .*nothing not found"):
        read_tensors(tmp_path / "nothing")
    with pytest.raises(UserError, match="is a folder: choose a"):
        read_tensors(tmp_path)
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match="is a part of a model in diffusers' layout"):
        read_tensors(tmp_path)
    (tmp_path / "model_index.json").touch()
    with pytest.raises(UserError, match="is a whole model in diffusers' layout: choose a file"):
        read_tensors(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.ones(3)}, {})
    before = path.read_bytes()
    with pytest.raises(NotImplementedError):  # a tensor without numbers fails after the header is written
        write_tensors(path, {"a": torch.zeros(3), "b": torch.zeros(3, device="meta")}, {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_gets_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on the disk for .*x\.safetensors"):
        write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(3)}, {})
    assert list(tmp_path.iterdir()) == []


def test_what_training_programs_leave_beside_the_tensors_is_passed_over(tmp_path: Path) -> None:
    kept = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.ones(2, 3))})
    shared = torch.ones(4, 6)
    content = {"string_to_param": kept, "when": np.float64(3.0), "odd": {"list": np.ones(3), "set": {1, 2}}}
    for zipped in (True, False):
        torch.save({"view": shared[1:3, ::2], "all": shared, **content}, tmp_path / "x.pt",
                   _use_new_zipfile_serialization=zipped)  # fmt: skip
        read = read_tensors(tmp_path / "x.pt")
        assert read.tensors["view"].tolist() == shared[1:3, ::2].tolist()
        assert torch.equal(read.content["string_to_param"]["*"], torch.ones(2, 3))


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "pickle.safetensors")
    write_tensors(tmp_path / "tensors.ckpt", {"a": torch.ones(2)}, {})
    for name in ("pickle.safetensors", "tensors.ckpt"):
        assert read_tensors(tmp_path / name).tensors["a"].tolist() == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize("size", [1, 7, 33, 5000])
def test_one_value_that_is_not_finite_is_found_anywhere(dtype: torch.dtype, size: int) -> None:
    fine = torch.linspace(-400, 400, size)
    assert is_finite(fine.to(dtype))
    assert is_finite(fine[:0].to(dtype))
    bad = [torch.nan] if dtype == torch.float8_e4m3fn else [torch.nan, torch.inf, -torch.inf]
    for value in bad:
        for place in {0, size // 2, size - 1}:
            changed = fine.clone()
            changed[place] = value
            assert not is_finite(changed.to(dtype)), (value, place)
            assert not is_finite(changed.to(dtype).expand(2, size).T), "as a view"
