"""What whole runs do about VRAM, seen without a GPU: presets train, snapshots are not copied, spilling is told."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch

from benchmarks.activations import LiveBytes
from sd_finetune.families.presets import Preset
from sd_finetune.families.table import FAMILIES
from sd_finetune.runs.messages import Step, Warning_
from sd_finetune.training import step_reports
from sd_finetune.training.loop import begin_step, learn, train
from sd_finetune.training.output.keeping import Keeper
from sd_finetune.training.pace import Pace
from sd_finetune.vram.fitting import preset_changes
from sd_finetune.vram.room import Room
from tests.toy import ROWS, Toy, events_of

FUSED = {"train.fused_backward": True, "train.clip_by": "parameter_norm"}
OLD_TORCH = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 2)


def rows_of_all() -> tuple[Preset, ...]:
    return tuple(row for facts in FAMILIES.values() for row in facts.memory.presets.rows)


def distinct(rows: tuple[Preset, ...]) -> list[Preset]:
    """A row for each way to train; on a CPU fp16 is the same as bf16."""
    found: dict[str, Preset] = {}
    for row in rows:
        if row.peak:
            ways = {name: value for name, value in row.saves.items() if not name.startswith("samples.")}
            found.setdefault(f"{row.method} {sorted(ways.items())}", row)
    return list(found.values())


@pytest.mark.parametrize("row", distinct(rows_of_all()), ids=lambda row: f"{row.method}-{row.precision}-{row.sizes[0]}")
def test_a_preset_trains(toy: Toy, row: Preset) -> None:
    """With class images and samples, each of them a step's worth."""
    whole: dict[str, Any] = {
        "prior.weight": 1.0, "concepts.class_images": 1, "samples.prompts": ["a star"], "train.length": "3 steps",
    }  # fmt: skip
    asked = {**ROWS[row.method], **whole}
    changes = preset_changes(toy.settings(asked), row)
    assert changes is not None
    on_cpu = {**changes, "train.mixed_precision": "bf16"}
    training = toy.train({**asked, **on_cpu})
    losses = [event.loss for event in events_of(training.run, Step)]
    assert len(losses) == 3
    assert all(torch.isfinite(torch.tensor(losses)))
    weights = {value.dtype for value in training.method.trained_tensors().values()}
    assert weights == {torch.bfloat16 if row.settings["train.weights"] == "bf16" else torch.float32}


@pytest.mark.parametrize(
    "changes",
    [
        {**ROWS["lora+text"], "train.gradient_checkpointing": True},
        {**ROWS["dreambooth"], "optimizer.name": "adafactor", **FUSED},
        {**ROWS["hypernetwork"], "prior.weight": 1.0, "prior.source": "both", "concepts.class_images": 1},
    ],
    ids=lambda changes: changes["method"],
)
def test_no_tensor_of_a_step_waits_for_the_garbage_collector(toy: Toy, changes: dict[str, Any]) -> None:
    """In a circle of references it would hold its VRAM for many steps."""
    training = toy.prepare({**changes, "train.length": "4 steps"})
    living: list[int] = []
    try:
        for step in range(4):
            begin_step(training, step, 1.0)
            learn(training, step)
            if step == 1:  # the optimizer's state came with the first
                gc.collect()
                gc.disable()
            living.append(sum(isinstance(each, torch.Tensor) for each in gc.get_objects()))
    finally:
        gc.enable()
    assert living[1] == living[2] == living[3]


@pytest.mark.skipif(OLD_TORCH, reason="before torch 2.2 a tensor's storage cannot be recognized")
@pytest.mark.parametrize("weights", ["fp32", "bf16"])
def test_neither_snapshot_nor_result_is_a_second_copy(deep_toy: Toy, weights: str) -> None:
    """Written one tensor after the other: on a GPU there would be no room for another copy of all of them."""
    training = deep_toy.prepare({**ROWS["dreambooth"], "train.mixed_precision": "bf16", "train.weights": weights})
    train(training)
    trained = training.method.trained_tensors().values()
    whole = sum(value.numel() * value.element_size() for value in trained)
    keeper = Keeper(training)
    for write in (lambda: keeper.snapshot(1), lambda: keeper.save(1, final=False)):
        with LiveBytes(block=1) as made:
            write()
        assert 0 < made.peak < whole / 5


def test_spilling_into_ram_is_told_once(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([0.5, *[0.1] * 10, *[0.6] * 9])
    monkeypatch.setattr(Pace, "stop", lambda self, images: next(durations))
    monkeypatch.setattr(step_reports, "room_of", lambda device: Room(total=8 * 2**30, free=2**20))
    (warning,) = events_of(toy.train({"train.length": "20 steps"}).run, Warning_)
    assert "steps take 6 times as long as before: the driver is moving VRAM into RAM" in warning.message
