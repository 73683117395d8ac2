from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.hosts.a1111 import weights as a1111_weights
from sd_finetune.hosts.a1111.weights import as_in_file, in_ram, remove_left_behind
from tests.toy import make_checkpoint

UNET = "model.diffusion_model.out.2.weight"


@pytest.fixture(autouse=True)
def _ram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ram").mkdir()
    monkeypatch.setattr(a1111_weights, "RAM_FOLDER", tmp_path / "ram")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "base.safetensors", precision="fp16")


def as_loaded(tensors: dict[str, Tensor], dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """As the WebUI has them: wrapped, in one type, with a schedule of its own and something of another extension."""
    names = {name: name.replace("cond_stage_model.", "cond_stage_model.wrapped.") for name in tensors}
    names = {name: wrapped.replace("token_embedding.", "token_embedding.wrapped.") for name, wrapped in names.items()}
    loaded = {names[n]: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
    return {**loaded, "alphas_cumprod": torch.zeros(1000), "model.diffusion_model.motion.weight": torch.zeros(3)}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_file_in_ram_is_the_checkpoint(checkpoint: Path, dtype: torch.dtype) -> None:
    base = read_checkpoint(checkpoint)
    with in_ram(checkpoint, as_loaded(base.tensors, dtype)) as file:
        assert file is not None
        assert file.name == checkpoint.name
        lent = read_checkpoint(file)  # without a .yaml beside it
        assert lent.architecture == base.architecture
        assert lent.tensors.keys() == base.tensors.keys()
        for name, tensor in base.tensors.items():
            assert torch.equal(lent.tensors[name], tensor), name
            assert lent.tensors[name].dtype == tensor.dtype
    assert not file.parent.exists()


@pytest.mark.parametrize("place", [0, -1])
def test_the_file_is_read_where_other_weights_are_loaded(
    checkpoint: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It was replaced on the disk since, or another extension has merged something into what is loaded."""
    loaded = as_loaded(read_checkpoint(checkpoint).tensors)
    loaded[UNET] = loaded[UNET].clone()
    loaded[UNET].view(-1)[place] += 1
    with in_ram(checkpoint, loaded) as file:
        assert file is None
    assert f"Training reads {checkpoint}, as what is loaded of it has other values, first in {UNET}" in caplog.text


def test_it_goes_after_an_exception_too(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), in_ram(checkpoint, as_loaded(read_checkpoint(checkpoint).tensors)):
        raise RuntimeError
    assert list((tmp_path / "ram").iterdir()) == []


@pytest.mark.parametrize(
    ("in_file", "loaded"),
    [
        (torch.float32, torch.float32, ),
        (torch.bfloat16, torch.float32),
        (torch.bfloat16, torch.bfloat16),
    ],
)  # fmt: skip
def test_types_that_hold_the_files_values(in_file: torch.dtype, loaded: torch.dtype) -> None:
    assert (
        as_in_file({UNET: UNET}, {UNET: torch.ones(3, dtype=in_file)}, {UNET: torch.ones(3, dtype=loaded)}) is not None
    )


@pytest.mark.parametrize(
    "weight",
    [
        None,
        torch.ones(3, dtype=torch.float16),  # coarser than the file's
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3).to(torch.float8_e4m3fn),
        torch.ones(4),
        torch.ones(3, device="meta"),  # another program has unloaded it
    ],
)
def test_otherwise_the_file_is_read(weight: Tensor | None) -> None:
    assert as_in_file({UNET: UNET}, {UNET: torch.ones(3)}, {} if weight is None else {UNET: weight}) is None


def test_without_room_or_of_a_pickle_there_is_none(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = as_loaded(read_checkpoint(checkpoint).tensors)
    pickle = tmp_path / "base.ckpt"
    torch.save({"state_dict": read_tensors(checkpoint).tensors}, pickle)
    with in_ram(pickle, loaded) as file:
        assert file is None
    monkeypatch.setattr(a1111_weights, "free_memory", lambda: 1000)
    with in_ram(checkpoint, loaded) as file:
        assert file is None


LENDS = """
import os, sys
from pathlib import Path
from sd_finetune.hosts.a1111 import weights
weights.RAM_FOLDER = Path(sys.argv[1])
from sd_finetune.formats.checkpoint import read_checkpoint
checkpoint = Path(sys.argv[2])
with weights.in_ram(checkpoint, read_checkpoint(checkpoint).tensors) as file:
    print(file)
    sys.stdout.flush()
    os._exit(0)  # as the WebUI at Ctrl+C
"""


def test_what_a_killed_webui_left_in_ram_is_freed_once_no_worker_reads_it(checkpoint: Path) -> None:
    command = [sys.executable, "-c", LENDS, str(a1111_weights.RAM_FOLDER), str(checkpoint)]
    left = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    assert left.is_file()
    wait = "print('here', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", wait, "--weights", str(left)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        remove_left_behind()
        assert left.is_file()
        worker.communicate(b"\n")
    remove_left_behind()
    assert not left.parent.exists()


def test_what_is_lent_now_stays(checkpoint: Path) -> None:
    loaded = as_loaded(read_checkpoint(checkpoint).tensors)
    with in_ram(checkpoint, loaded) as file, in_ram(checkpoint, loaded) as other:
        remove_left_behind()
        assert file is not None
        assert other is not None
        assert (file.is_file(), other.is_file(), file != other) == (True, True, True)
