"""Files of pytorch-lightning, as far as the WebUI lets them in."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.formats.checkpoint import read_checkpoint, write_checkpoint
from sd_finetune.formats.identify import identify
from sd_finetune.formats.tensor_file import read_tensors
from sd_finetune.formats.usable_base import refuse_unusable_base


class ModelCheckpoint:
    """Of pytorch_lightning, by name."""


def lightning_of(tensors: dict[str, Tensor]) -> dict[Any, Any]:
    """What pytorch-lightning 1.x saves after a training with EMA, as Stable Diffusion's own was."""
    moments = {number: {"step": 2, "exp_avg": torch.ones(3), "exp_avg_sq": torch.ones(3)} for number in range(2)}
    return {
        "epoch": 0,
        "global_step": 470_000,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": {
            **tensors,
            "model_ema.decay": torch.tensor(0.9999),
            "model_ema.num_updates": torch.tensor(470_000, dtype=torch.int32),
            "model_ema.diffusion_modelinput_blocks00weight": torch.full((32, 4, 3, 3), 7.0),
        },
        "callbacks": {
            ModelCheckpoint: {
                "monitor": "val/loss", "best_model_score": torch.tensor(0.14), "best_model_path": "/x/last.ckpt",
                "current_score": np.float32(0.15),
            }
        },
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 1e-4, "params": [0, 1]}]}],
        "lr_schedulers": [{"base_lrs": [1e-4], "last_epoch": 470_000, "lr_lambdas": [None]}],
        "NativeMixedPrecisionPlugin": {"scale": 65536.0, "growth_tracker": 1},
    }  # fmt: skip


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class that its files name, which is not installed."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    for part in ("pytorch_lightning", "pytorch_lightning.callbacks", name):
        monkeypatch.setitem(sys.modules, part, ModuleType(part))
    monkeypatch.setattr(sys.modules[name], "ModelCheckpoint", ModelCheckpoint, raising=False)
    monkeypatch.setattr(ModelCheckpoint, "__module__", name)


@pytest.mark.usefixtures("lightning")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_ckpt_of_lightning_is_read_as_the_webui_reads_it(tiny_file: Path, tmp_path: Path, zipped: bool) -> None:
    """Its own weights and not their averages, whatever else it keeps, of which nothing is made."""
    tensors = read_tensors(tiny_file).tensors
    file = tmp_path / "lightning.ckpt"
    torch.save(lightning_of(tensors), file, _use_new_zipfile_serialization=zipped)
    sys.modules.pop("pytorch_lightning.callbacks.model_checkpoint")
    config = tiny_file.with_suffix(".yaml")
    shutil.copyfile(config, file.with_suffix(".yaml"))
    base, usual = read_checkpoint(file), read_checkpoint(tiny_file)
    for part, own in usual.parts.items():
        assert all(torch.equal(base.parts[part][name], tensor) for name, tensor in own.items())
    assert base.has_ema
    refuse_unusable_base(file)
    about = identify(file)
    assert (about.kind, about.details["EMA weights"]) == ("checkpoint", "yes")
    write_checkpoint(tmp_path / "out.safetensors", base, {"unet": base.parts["unet"]}, precision=None)
    written = read_tensors(tmp_path / "out.safetensors").tensors
    assert written.keys() == tensors.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in tensors.items())


NOT_LET_IN = {
    "another callback": "pytorch_lightning.callbacks.early_stopping EarlyStopping",
    "hyperparameters": "argparse Namespace",
    "lightning 2": "lightning.pytorch.callbacks.model_checkpoint ModelCheckpoint",
    "another function": "numpy.core.multiarray fromstring",
    "a device": "torch device",
}


@pytest.mark.parametrize("what", NOT_LET_IN)
def test_what_the_webui_refuses_is_refused(tmp_path: Path, what: str) -> None:
    module, _, name = NOT_LET_IN[what].partition(" ")
    pickled = b"\x80\x02}X\x01\0\0\0ac" + f"{module}\n{name}\n".encode() + b"s."
    with zipfile.ZipFile(tmp_path / "x.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    with pytest.raises(UserError, match=r"more than tensors|not plain numbers"):
        read_checkpoint(tmp_path / "x.ckpt")
