from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.errors import NotFiniteError, UserError
from sd_finetune.runs.snapshots import MARKER, finished_snapshots
from sd_finetune.training.output.snapshots import read_snapshot, write_snapshot


def adamw(layer: torch.nn.Linear, learning_rate: float = 0.1) -> torch.optim.AdamW:
    return torch.optim.AdamW([{"params": list(layer.parameters()), "name": "unet", "lr": learning_rate}])


def trained_a_little(seed: int = 0) -> tuple[torch.nn.Linear, torch.optim.AdamW]:
    torch.manual_seed(seed)
    layer = torch.nn.Linear(3, 2)
    optimizer = adamw(layer)
    for _ in range(3):
        layer(torch.randn(4, 3)).sum().backward()
        optimizer.step()
    return layer, optimizer


def test_it_comes_back_to_the_bit(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    write_snapshot(tmp_path, 3, dict(layer.named_parameters()), optimizer, "adamw")
    other = adamw(torch.nn.Linear(3, 2), learning_rate=0.7)
    step, tensors = read_snapshot(finished_snapshots(tmp_path)[-1], other, "adamw")
    assert step == 3
    assert {n: v.tolist() for n, v in tensors.items()} == {n: v.tolist() for n, v in layer.named_parameters()}
    old, new = optimizer.state_dict()["state"], other.state_dict()["state"]
    assert old.keys() == new.keys() == {0, 1}
    for index, values in old.items():
        assert all(torch.equal(value, new[index][name]) for name, value in values.items())
    assert other.param_groups[0]["lr"] == 0.7, "rates follow the settings, not the snapshot"


class Scaler:
    def __init__(self, scale: float) -> None:
        self.state = {"scale": scale, "growth_tracker": 7}

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.state = state_dict


def test_the_scale_of_the_loss_comes_back(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    write_snapshot(tmp_path, 3, dict(layer.named_parameters()), optimizer, "adamw", Scaler(1024.0))
    other = Scaler(65536.0)
    read_snapshot(finished_snapshots(tmp_path)[-1], optimizer, "adamw", other)
    assert other.state == {"scale": 1024.0, "growth_tracker": 7}
    write_snapshot(tmp_path, 4, dict(layer.named_parameters()), optimizer, "adamw")
    read_snapshot(finished_snapshots(tmp_path)[-1], optimizer, "adamw", other)
    assert other.state["scale"] == 1024.0


def test_one_of_an_earlier_version_comes_back(tmp_path: Path) -> None:
    """Which kept the bare state of AdamW, the only optimizer there was."""
    layer, optimizer = trained_a_little()
    folder = write_snapshot(tmp_path, 3, dict(layer.named_parameters()), optimizer, "adamw")
    torch.save(optimizer.state_dict()["state"], folder / "optimizer.pt")
    other = adamw(torch.nn.Linear(3, 2))
    assert read_snapshot(folder, other, "adamw")[0] == 3
    for old, new in zip(optimizer.state.values(), other.state.values(), strict=True):
        assert all(torch.equal(value, new[name]) for name, value in old.items())
    with pytest.raises(UserError, match=r'"prodigy" cannot go on from the state of adamw in the snapshot: set it to'):
        read_snapshot(folder, other, "prodigy")


def test_only_the_newest_is_kept(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    for step in (5, 10):
        write_snapshot(tmp_path, step, dict(layer.named_parameters()), optimizer, "adamw")
    assert [folder.name for folder in tmp_path.iterdir()] == ["step-000010"]


def test_an_unfinished_one_does_not_count(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    good = write_snapshot(tmp_path, 5, dict(layer.named_parameters()), optimizer, "adamw")
    bad = tmp_path / "step-000009"
    bad.mkdir()
    assert finished_snapshots(tmp_path) == [good]
    with pytest.raises(UserError, match="was never finished"):
        read_snapshot(bad, optimizer, "adamw")
    (good / MARKER).unlink()
    assert finished_snapshots(tmp_path) == []


class _Program:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.victim),)


def test_a_program_in_a_snapshot_does_not_run(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    folder = write_snapshot(tmp_path / "snapshots", 5, dict(layer.named_parameters()), optimizer, "adamw")
    torch.save({0: _Program(tmp_path / "harmed")}, folder / "optimizer.pt")
    with pytest.raises(UserError, match="is damaged or not one of ours"):
        read_snapshot(folder, optimizer, "adamw")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "trained.safetensors"])
def test_a_torn_one_is_named(tmp_path: Path, name: str) -> None:
    layer, optimizer = trained_a_little()
    folder = write_snapshot(tmp_path, 5, dict(layer.named_parameters()), optimizer, "adamw")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="step-000005 is damaged"):
        read_snapshot(folder, optimizer, "adamw")


def test_as_many_as_asked_for_are_kept(tmp_path: Path) -> None:
    layer, optimizer = trained_a_little()
    (tmp_path / "step-000004").mkdir()  # was never finished
    for step in (5, 10, 15):
        write_snapshot(tmp_path, step, dict(layer.named_parameters()), optimizer, "adamw", keep=2)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["step-000010", "step-000015"]


@pytest.mark.parametrize("where", ["weight", "optimizer"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_replaces_nothing(tmp_path: Path, where: str, value: float) -> None:
    layer, optimizer = trained_a_little()
    write_snapshot(tmp_path, 5, dict(layer.named_parameters()), optimizer, "adamw")
    before = contents(tmp_path)
    broken = layer.weight.data if where == "weight" else optimizer.state[layer.weight]["exp_avg_sq"]
    broken[1, 2] = value
    with pytest.raises(NotFiniteError, match="NaN or infinite after step 6"):
        write_snapshot(tmp_path, 6, dict(layer.named_parameters()), optimizer, "adamw")
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
