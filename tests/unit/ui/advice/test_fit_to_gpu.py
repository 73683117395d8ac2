"""The way to train that is chosen for a GPU's memory, against figures that others have published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.advice.fit_to_gpu import GB, USABLE, fit, needed_bytes
from sd_finetune.ui.advice.gpu import Gpu


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
    ("published", "batch", "checkpointing", "eight_bit"),
    [(9.92, 1, True, True), (11.17, 1, False, True), (10.4, 2, True, True), (13.67, 2, False, True),
     (15.79, 1, True, False)],
)  # fmt: skip
def test_shivams_table_of_dreambooth(
    published: float, batch: int, checkpointing: bool, eight_bit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if eight_bit:  # moments of one byte each
        monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], state_bytes=2))
    asked = settings("dreambooth", mixed_precision="fp16", batch_size=batch, gradient_checkpointing=checkpointing)
    assert needed_bytes(from_dict(asked)) / GB == pytest.approx(published, rel=0.09)


@pytest.mark.parametrize(
    ("method", "gigabytes", "batch", "checkpointing"),
    [
        ("lora", 6, 4, True),
        ("lora", 12, 4, True),
        ("lora", 16, 4, False),
        ("dreambooth", 24, 4, True),
        ("dreambooth", 16.9, 2, True),
        ("dreambooth", 80, 4, False),
        ("textual_inversion", 8, 4, True),
        ("hypernetwork", 8, 4, True),
    ],
)
def test_the_table(method: str, gigabytes: float, batch: int, checkpointing: bool) -> None:
    asked = settings(method, batch_size=4)
    found = fit(asked, Gpu("some GPU", int(gigabytes * GB), bf16=True)).changes
    assert found["train.mixed_precision"] == "bf16"
    assert found.get("train.batch_size", 4) == batch
    assert found.get("train.gradient_accumulation_steps", 1) == 4 // batch
    assert found.get("train.gradient_checkpointing", False) == checkpointing
    assert with_changes(asked, found) <= gigabytes * GB * USABLE


def test_pictures_of_the_prior_count_too() -> None:
    with_prior = needed_bytes(from_dict(settings("lora", weight=1, batch_size=2)))
    assert with_prior == needed_bytes(from_dict(settings("lora", batch_size=4)))


def test_an_old_gpu_gets_fp16_and_the_text_encoder_is_left_out_last() -> None:
    asked = settings("dreambooth", batch_size=2, train_text_encoder=True)
    found = fit(asked, Gpu("Tesla", int(16.9 * GB), bf16=False)).changes
    assert found["train.mixed_precision"] == "fp16"
    assert found["train.train_text_encoder"] is False
    assert "train.train_text_encoder" not in fit(asked, Gpu("larger", int(24 * GB), bf16=False)).changes


def test_what_is_as_it_should_be_is_not_changed() -> None:
    asked = settings("lora", mixed_precision="bf16")
    found = fit(asked, Gpu("RTX 4090", int(24 * GB), bf16=True))
    assert found.changes == {}
    assert found.sentence.startswith("Needs about 5.0 GB of VRAM")
    assert "and RTX 4090 has 22.4 GB: batch size 1, bf16, gradient checkpointing off" in found.sentence


def test_what_cannot_fit_is_told_with_the_way_out() -> None:
    told = fit(settings("dreambooth"), Gpu("small", int(6 * GB), bf16=True))
    assert told.changes == {}
    assert "and small has 5.6 GB: train a LoRA instead." in told.sentence
    large = settings("lora", weight=1)
    large["data"] = {"resolution": 1024}
    assert (
        "set data.resolution to 448 and fit again, or use a GPU with more VRAM"
        in fit(large, Gpu("tiny", int(4 * GB), bf16=True)).sentence
    )


def test_without_a_gpu_a_sentence_says_so() -> None:
    assert "PyTorch finds no GPU" in fit(settings("lora"), None).sentence
    assert "does not use the GPU" in fit(settings("lora", device="cpu"), Gpu("any", 10, True)).sentence
