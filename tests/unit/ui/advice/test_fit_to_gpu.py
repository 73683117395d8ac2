"""The way to train that is chosen for a GPU's memory, against figures that others have published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sd_finetune.families.table import DEFAULT_FAMILY, FAMILIES
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.read import from_dict
from sd_finetune.ui.advice.fit_to_gpu import USABLE, fit
from sd_finetune.ui.advice.gpu import Gpu
from sd_finetune.ui.advice.vram_estimate import GB, PORTION_GB, needed_bytes


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
    found = fit(asked, Gpu("Tesla", int(8.8 * GB), bf16=False)).changes
    assert found["train.mixed_precision"] == "fp16"
    assert found["train.train_text_encoder"] is False
    assert found["optimizer.name"] == "adafactor"
    assert "train.train_text_encoder" not in fit(asked, Gpu("larger", int(10 * GB), bf16=False)).changes


@pytest.mark.parametrize(
    ("gigabytes", "savings"),
    [
        (24, {}),
        (10, {"optimizer.name": "adafactor"}),
        (6, {"optimizer.name": "adafactor", "train.weights": "bf16"}),
        (4, {"optimizer.name": "adafactor", "train.weights": "bf16", "train.fused_backward": True,
             "train.clip_by": "parameter_norm"}),
    ],
)  # fmt: skip
def test_dreambooth_is_held_in_less_and_less_vram(gigabytes: float, savings: dict[str, Any]) -> None:
    asked = settings("dreambooth")
    found = fit(asked, Gpu("some GPU", int(gigabytes * GB), bf16=True))
    ways = ("optimizer.name", "train.weights", "train.fused_backward", "train.clip_by")
    assert {name: value for name, value in found.changes.items() if name in ways} == savings
    assert with_changes(asked, found.changes) <= gigabytes * GB * USABLE
    words = ["Adafactor", "weights in bf16", "optimizer in the backward pass"]
    assert [word in found.sentence for word in words] == [place < len(savings) for place in range(3)]


def test_gradients_that_are_freed_are_not_accumulated() -> None:
    """Where one image and its gradients do not fit, but all images without gradients do."""
    asked = settings("dreambooth", batch_size=4, max_grad_norm=0)
    found = fit(asked, Gpu("some GPU", int(5.2 * GB), bf16=True)).changes
    assert found["train.fused_backward"] is True
    assert "train.gradient_accumulation_steps" not in found
    assert "train.clip_by" not in found, "nothing is clipped"


@pytest.mark.parametrize(
    ("optimizer", "train"),
    [("prodigy", {"unet_learning_rate": 1}), ("adamw", {"max_grad_norm": 0, "fused_backward": True, "batch_size": 6}),
     ("adamw_schedule_free", {}), ("adafactor", {"mixed_precision": "bf16", "weights": "bf16"})],
)  # fmt: skip
@pytest.mark.parametrize("bf16", [True, False])
@pytest.mark.parametrize("gigabytes", [1, 4, 6, 9, 12, 24])
def test_what_is_proposed_can_be_trained(optimizer: str, train: dict[str, Any], bf16: bool, gigabytes: int) -> None:
    asked = {**settings("dreambooth", **train), "optimizer": {"name": optimizer}}
    found = fit(asked, Gpu("some GPU", int(gigabytes * GB), bf16)).changes
    if found:
        assert with_changes(asked, found) <= gigabytes * GB * USABLE
    assert "optimizer.name" not in found or optimizer not in ("prodigy", "adafactor")


@pytest.mark.parametrize(
    ("train", "bytes_each"),
    [({}, 4 + 4 + 8), ({"mixed_precision": "bf16"}, 4 + 4 + 8), ({"fused_backward": True}, 4 + 0 + 8),
     ({"fused_backward": True, "mixed_precision": "bf16"}, 4 + 2 + 8),
     ({"weights": "bf16", "mixed_precision": "bf16"}, 2 + 2 + 8),
     ({"weights": "bf16", "mixed_precision": "bf16", "fused_backward": True}, 2 + 0 + 8)],
)  # fmt: skip
def test_bytes_of_a_trained_parameter(train: dict[str, Any], bytes_each: int) -> None:
    """The difference that the text encoder makes."""
    train = {**train, "max_grad_norm": 0}
    alone, both = (
        needed_bytes(from_dict(settings("dreambooth", train_text_encoder=encoder, **train)))
        for encoder in (False, True)
    )
    assert both - alone == pytest.approx(bytes_each * FAMILIES[DEFAULT_FAMILY].memory.text_encoders)


def test_what_waits_in_ram_takes_no_vram() -> None:
    model = FAMILIES[DEFAULT_FAMILY].memory
    asked = settings("lora", mixed_precision="bf16")
    at_least = needed_bytes(from_dict(asked))
    assert needed_bytes(from_dict({**asked, "data": {"cache_latents": False}})) - at_least == model.vae * 2
    with_encoder = settings("lora", mixed_precision="bf16", train_text_encoder=True)
    rank, bytes_each = from_dict(asked).lora.rank, 16  # fp32: the weight, its gradient, AdamW's two moments
    its_layers = model.text_encoders_lora_per_rank * rank * bytes_each
    assert needed_bytes(from_dict(with_encoder)) - at_least == model.text_encoders * 2 + its_layers


def test_weights_that_are_stepped_a_few_at_a_time_are_in_fp32_then() -> None:
    train = {"mixed_precision": "bf16", "max_grad_norm": 0}
    plain, fused = (needed_bytes(from_dict(settings("dreambooth", fused_backward=on, **train))) for on in (False, True))
    unet = FAMILIES[DEFAULT_FAMILY].memory.unet
    assert plain - fused == pytest.approx(2 * unet - PORTION_GB * GB)


def test_what_is_as_it_should_be_is_not_changed() -> None:
    asked = settings("lora", mixed_precision="bf16")
    found = fit(asked, Gpu("RTX 4090", int(24 * GB), bf16=True))
    assert found.changes == {}
    assert found.sentence.startswith("Needs about 4.6 GB of VRAM")
    assert "and RTX 4090 has 22.4 GB: batch size 1, bf16, gradient checkpointing off" in found.sentence


def test_what_cannot_fit_is_told_with_the_way_out() -> None:
    told = fit(settings("dreambooth"), Gpu("small", int(3 * GB), bf16=True))
    assert told.changes == {}
    assert "and small has 2.8 GB: train a LoRA instead." in told.sentence
    large = settings("lora", weight=1)
    large["data"] = {"resolution": 1024}
    assert (
        "set data.resolution to 448 and fit again, or use a GPU with more VRAM"
        in fit(large, Gpu("tiny", int(4 * GB), bf16=True)).sentence
    )


def test_without_a_gpu_a_sentence_says_so() -> None:
    assert "PyTorch finds no GPU" in fit(settings("lora"), None).sentence
    assert "does not use the GPU" in fit(settings("lora", device="cpu"), Gpu("any", 10, True)).sentence
