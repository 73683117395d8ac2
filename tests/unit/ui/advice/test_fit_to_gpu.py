"""The way to train that is chosen for a GPU's memory, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.families.table import FAMILIES
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.advice import fit_to_gpu
from sd_finetune.ui.advice.fit_to_gpu import fit
from sd_finetune.ui.advice.gpu import Gpu, another_gpu, another_gpus
from sd_finetune.vram.estimate import GIB, needed_bytes
from sd_finetune.vram.presets import USABLE


def settings(method: str, weight: float = 0, **train: Any) -> dict[str, Any]:
    return {
        "method": method,
        "base": {"checkpoint": "sd.safetensors"},
        "train": train,
        "prior": {"weight": weight},
        "concepts": [{"folder": "dogs", "instance_prompt": "[filewords]", "class_prompt": "a dog"}],
    }


def with_changes(content: dict[str, Any], changes: dict[str, Any]) -> float:
    for name, value in changes.items():
        group, option = name.split(".")
        content.setdefault(group, {})[option] = value
    return needed_bytes(from_dict(content))


@pytest.mark.parametrize(
    ("method", "gigabytes", "batch", "checkpointing"),
    [
        ("lora", 6, 4, True),
        ("lora", 12, 4, False),
        ("lora", 16, 4, False),
        ("dreambooth", 24, 4, False),
        ("dreambooth", 80, 4, False),
        ("textual_inversion", 6, 4, True),
        ("hypernetwork", 8, 4, False),
    ],
)
def test_a_larger_batch_is_worth_more_than_doing_without_checkpointing(
    method: str, gigabytes: float, batch: int, checkpointing: bool
) -> None:
    asked = settings(method, batch_size=4)
    found = fit(asked, Gpu("some GPU", int(gigabytes * GIB), bf16=True)).changes
    assert found["train.mixed_precision"] == "bf16"
    assert found.get("train.batch_size", 4) == batch
    assert found.get("train.gradient_accumulation_steps", 1) == 4 // batch
    assert found.get("train.gradient_checkpointing", False) == checkpointing
    assert with_changes(asked, found) <= gigabytes * GIB * USABLE


def test_an_old_gpu_gets_fp16_and_the_text_encoder_is_left_out_last() -> None:
    asked = settings("dreambooth", batch_size=2, train_text_encoder=True)
    found = fit(asked, Gpu("Tesla", 10 * GIB, bf16=False)).changes
    assert found["train.mixed_precision"] == "fp16"
    assert found["train.train_text_encoder"] is False
    assert found["optimizer.name"] == "adafactor"
    assert "train.train_text_encoder" not in fit(asked, Gpu("larger", 16 * GIB, bf16=False)).changes


@pytest.mark.parametrize(
    ("gigabytes", "savings"),
    [
        (24, {}),
        (16, {"train.weights": "bf16"}),
        (12, {"optimizer.name": "adafactor"}),
        (6, {"optimizer.name": "adafactor", "train.weights": "bf16"}),
        (4, {"optimizer.name": "adafactor", "train.weights": "bf16", "train.fused_backward": True,
             "train.clip_by": "parameter_norm"}),
    ],
)  # fmt: skip
def test_dreambooth_is_held_in_less_and_less_vram(gigabytes: float, savings: dict[str, Any]) -> None:
    asked = settings("dreambooth")
    found = fit(asked, Gpu("some GPU", int(gigabytes * GIB), bf16=True))
    ways = ("optimizer.name", "train.weights", "train.fused_backward", "train.clip_by")
    assert {name: value for name, value in found.changes.items() if name in ways} == savings
    assert with_changes(asked, found.changes) <= gigabytes * GIB * USABLE
    told = {"optimizer.name": "Adafactor", "train.weights": "weights in bf16",
            "train.fused_backward": "optimizer in the backward pass"}  # fmt: skip
    assert [word in found.sentence for word in told.values()] == [name in savings for name in told]


def test_the_speed_is_told() -> None:
    assert "Its steps are the fastest of the method." in fit(settings("lora"), Gpu("any", 8 * GIB, True)).sentence
    told = fit(settings("dreambooth"), Gpu("any", 8 * GIB, True)).sentence
    assert "Its steps take 1.8 times as long as the fastest of the method, as measured." in told
    told = fit(settings("lora", batch_size=4), Gpu("any", 6 * GIB, True)).sentence
    assert "Its steps take 1.7 times as long as the fastest of the method, by estimate." in told


def test_it_is_fitted_to_a_gpu_that_is_not_there_too() -> None:
    assert another_gpu("") is None
    small = another_gpu("8gb-fp16")
    assert small == Gpu("a GPU of 8 GB", 8 * GIB, bf16=False)
    assert another_gpu("6gb") == Gpu("a GPU of 6 GB", 6 * GIB, bf16=True)
    assert [another_gpu(each["gpu"]) for each in another_gpus()].count(None) == 0
    assert "and a GPU of 8 GB has 8.0 GB: train a LoRA instead." in fit(settings("dreambooth"), small).sentence
    with pytest.raises(UserError, match='gpu = "7gb" is not valid: use one of 4gb, 6gb'):
        another_gpu("7gb")


@pytest.mark.parametrize(
    ("optimizer", "train"),
    [("prodigy", {"unet_learning_rate": 1}), ("adamw", {"max_grad_norm": 0, "fused_backward": True, "batch_size": 6}),
     ("adamw_schedule_free", {}), ("adafactor", {"mixed_precision": "bf16", "weights": "bf16"})],
)  # fmt: skip
@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("gigabytes", [1, 4, 6, 9, 12, 24])
def test_what_is_proposed_can_be_trained(optimizer: str, train: dict[str, Any], bf16: bool, gigabytes: int) -> None:
    asked = {**settings("dreambooth", **train), "optimizer": {"name": optimizer}}
    found = fit(asked, Gpu("some GPU", int(gigabytes * GIB), bf16)).changes
    if found:
        assert with_changes(asked, found) <= gigabytes * GIB * USABLE
    assert "optimizer.name" not in found or optimizer not in ("prodigy", "adafactor")


def test_what_is_as_it_should_be_is_not_changed() -> None:
    asked = settings("lora", mixed_precision="bf16")
    found = fit(asked, Gpu("RTX 4090", int(24 * GIB), bf16=True))
    assert found.changes == {}
    assert found.sentence.startswith("Needs about 3.5 GB of VRAM")
    assert "and RTX 4090 has 24.0 GB: batch size 1, bf16, gradient checkpointing off" in found.sentence


def test_what_cannot_fit_is_told_with_the_way_out() -> None:
    told = fit(settings("dreambooth"), Gpu("small", 2 * GIB, bf16=True))
    assert told.changes == {}
    assert "and small has 2.0 GB: train a LoRA instead." in told.sentence
    large = settings("lora", weight=1)
    large["data"] = {"resolution": 1024}
    assert (
        "set data.resolution to 768 and fit again, or use a GPU with more VRAM"
        in fit(large, Gpu("tiny", int(4 * GIB), bf16=True)).sentence
    )


def test_it_is_fitted_for_the_size_of_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    large = settings("lora")
    large["data"] = {"resolution": 1024}
    gpu = Gpu("small", 6 * GIB, bf16=True)
    assert "train.frozen_weights" not in fit(large, gpu).changes
    largest = max((facts.memory for facts in FAMILIES.values()), key=lambda model: model.unet)
    monkeypatch.setattr(fit_to_gpu, "memory_of", lambda _: largest)
    found = fit(large, gpu).changes
    assert (found["train.frozen_weights"], found["train.gradient_checkpointing"]) == ("int8", True)


def test_without_a_gpu_a_sentence_says_so() -> None:
    assert "PyTorch finds no GPU" in fit(settings("lora"), None).sentence
    assert "does not use the GPU" in fit(settings("lora", device="cpu"), Gpu("any", 10, True)).sentence
