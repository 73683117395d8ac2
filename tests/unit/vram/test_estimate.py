"""The estimate of VRAM against what was measured, by us and by others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sd_finetune.families.table import DEFAULT_FAMILY, FAMILIES
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.vram.estimate import (
    DECODED_TOGETHER,
    FRAGMENTATION,
    GIB,
    PORTION_BYTES,
    WORKSPACE,
    estimate,
    needed_bytes,
)
from sd_finetune.vram.lora_parameters import lora_parameters
from tests.unit.vram.asked import asked_for

MODEL = FAMILIES[DEFAULT_FAMILY].memory
BF16 = {"train.mixed_precision": "bf16"}
TEXT = {"train.train_text_encoder": True}
FACTORED = {"optimizer.name": "adafactor"}
WEIGHTS = {**FACTORED, "train.weights": "bf16"}
FUSED = {**WEIGHTS, "train.fused_backward": True, "train.clip_by": "parameter_norm"}
LORA = {"lora.rank": 16}
EIGHT = {"train.batch_size": 8}

MEASURED = [
    ("lora", LORA, 3.0),
    ("lora", {**LORA, **EIGHT}, 11.6),
    ("textual_inversion", {"textual_inversion.word": "zib-7"}, 2.9),
    ("hypernetwork", {}, 3.1),
    ("dreambooth", {}, 16.6),
    ("dreambooth", EIGHT, 21.9),
    ("dreambooth", TEXT, 18.4),
    ("dreambooth", FACTORED, 8.5),
    ("dreambooth", WEIGHTS, 4.5),
    ("dreambooth", FUSED, 3.9),
]
"""GiB reserved at most: one NVIDIA H200, torch 2.11, the shape of SD1.5 with random weights, 512 px, bf16, no class
images. AdamW stepped all weights at once (torch's "foreach"), with a root of each second
moment beside it. With gradient checkpointing the last row took 3.6, the same as preparing did then.
"""


@pytest.mark.parametrize(("method", "changes", "gib"), MEASURED)
def test_what_was_measured(method: str, changes: dict[str, Any], gib: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], step_bytes=4))
    assert estimate(asked_for(method, {**BF16, **changes})).reserved / GIB == pytest.approx(gib, rel=0.1)


@pytest.mark.parametrize(
    ("published", "batch", "checkpointing", "eight_bit"),
    [(9.92, 1, True, True), (11.17, 1, False, True), (10.4, 2, True, True), (13.67, 2, False, True),
     (15.79, 1, True, False)],
)  # fmt: skip
def test_shivams_table_of_dreambooth(
    published: float, batch: int, checkpointing: bool, eight_bit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T4, fp16, memory-efficient attention, GB of nvidia-smi (2^30): his README."""
    if eight_bit:  # moments of one byte each, without temporaries
        monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], state_bytes=2, step_bytes=0))
    changes = {"train.mixed_precision": "fp16", "train.batch_size": batch}
    asked = asked_for("dreambooth", {**changes, "train.gradient_checkpointing": checkpointing})
    assert needed_bytes(asked) / GIB == pytest.approx(published, rel=0.15)


def test_images_of_the_prior_count_too() -> None:
    with_prior = asked_for("lora", {"train.batch_size": 2}, prior=1)
    assert (
        estimate(with_prior).phases["training"]
        == estimate(asked_for("lora", {"train.batch_size": 4})).phases["training"]
    )


def test_sliced_attention_keeps_its_scores() -> None:
    """Of 512 pixels the largest are 8 heads of 4096 × 4096 values, in 5 layers."""
    plain, sliced = (
        estimate(asked_for("lora", {**BF16, "train.attention": kind})).phases["training"] for kind in ("auto", "sliced")
    )
    assert sliced - plain > 5 * 8 * 4096**2 * 6
    large, small = ({**BF16, "train.attention": "sliced", "data.resolution": side} for side in (512, 256))
    assert estimate(asked_for("lora", large)).reserved > estimate(asked_for("lora", small)).reserved + 4.5 * GIB


@pytest.mark.parametrize("method", ["lora", "textual_inversion", "hypernetwork", "dreambooth"])
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_checkpointing_and_size_of_images_count(method: str, precision: str) -> None:
    whole = {"train.mixed_precision": precision, "train.batch_size": 8}
    plain = estimate(asked_for(method, whole)).phases["training"]
    checkpointed = estimate(asked_for(method, {**whole, "train.gradient_checkpointing": True})).phases["training"]
    smaller = estimate(asked_for(method, {**whole, "data.resolution": 256})).phases["training"]
    assert plain - checkpointed > 0.5 * GIB
    assert plain - smaller > 0.5 * GIB


def test_what_waits_in_ram_takes_no_vram() -> None:
    at_least = estimate(asked_for("lora", BF16)).phases["training"]
    cached = estimate(asked_for("lora", {**BF16, "data.cache_latents": "off"})).phases["training"]
    assert cached - at_least == pytest.approx(FRAGMENTATION * MODEL.vae * 2)
    bytes_each = 4 + 8 + 2  # fp32: the weight, AdamW's two moments, the copy of the forward pass
    of_rank = 165_888  # values of a LoRA of the text encoder for each rank
    layers = of_rank * asked_for("lora").lora.rank * bytes_each
    beside = estimate(asked_for("lora", {**BF16, **TEXT})).phases["training"] - at_least
    more = MODEL.in_half.text_encoders[0] + MODEL.text_encoders * 2 + layers
    assert beside == pytest.approx(FRAGMENTATION * more)


def test_new_words_beside_a_lora_need_the_gradients_of_the_text_encoder() -> None:
    plain = asked_for("lora", BF16)
    words = replace(plain, lora=replace(plain.lora, new_words="bundled"))
    beside = estimate(words).phases["training"] - estimate(plain).phases["training"]
    assert beside == pytest.approx(FRAGMENTATION * (MODEL.in_half.text_encoders[0] + MODEL.text_encoders * 2))


def test_each_phase_holds_its_own() -> None:
    asked = asked_for("lora", {**BF16, "class_images.batch_size": 8, "samples.prompts": ["a dog"]}, prior=1)
    phases = estimate(asked).phases
    assert list(phases) == ["class images", "encoding", "training", "samples"]
    denoising = 2 * MODEL.unet + 8 * MODEL.denoising[0] * WORKSPACE
    decoding = 2 * MODEL.vae + DECODED_TOGETHER * MODEL.decoding[0] * WORKSPACE
    assert phases["class images"] == pytest.approx(FRAGMENTATION * max(denoising, decoding)), "one after the other"
    held = 2 * MODEL.unet + (4 + 8 + 2) * 423_936 * asked.lora.rank
    one = max(MODEL.denoising[0] * WORKSPACE, 2 * MODEL.vae + MODEL.decoding[0] * WORKSPACE)
    assert phases["samples"] == pytest.approx(FRAGMENTATION * (held + one))
    assert phases["encoding"] == pytest.approx(FRAGMENTATION * (2 * MODEL.vae + MODEL.encoding[0] * WORKSPACE))
    without = estimate(asked_for("lora", {**BF16, "prior.source": "model"}, prior=1)).phases
    assert list(without) == ["encoding", "training"]
    both = asked_for("lora", {**BF16, "class_images.batch_size": 8, "prior.source": "both"}, prior=1)
    assert estimate(both).phases["class images"] == phases["class images"]
    assert estimate(asked).certain <= needed_bytes(asked)


def test_weights_that_are_stepped_a_few_at_a_time_are_in_fp32_then() -> None:
    fused = {**BF16, "train.fused_backward": True, "train.max_grad_norm": 0, "train.gradient_checkpointing": True}
    held = estimate(asked_for("dreambooth", fused)).phases["training"] / FRAGMENTATION
    weights = MODEL.unet * (4 + OPTIMIZERS["adamw"].state_bytes + 2)
    assert held == pytest.approx(weights + MODEL.in_half.weights[1] + PORTION_BYTES * MODEL.largest)


def test_a_smaller_model_takes_its_share() -> None:
    toy = MODEL.of_size(MODEL.unet // 100, MODEL.text_encoders // 10, MODEL.vae // 20)
    whole, small = estimate(asked_for("lora", BF16)).reserved, estimate(asked_for("lora", BF16), toy).reserved
    assert small < whole / 10
    assert MODEL.of_size(MODEL.unet, MODEL.text_encoders, MODEL.vae) == MODEL


def test_it_decodes_as_many_images_at_a_time_as_are_generated() -> None:
    from sd_finetune.sampling.generate import IMAGES_PER_DECODE

    assert DECODED_TOGETHER == IMAGES_PER_DECODE


@pytest.mark.parametrize(
    "drawn", [{"captions.shuffle": True}, {"captions.tag_drop_rate": 0.1}, {"captions.wildcards": True}]
)
def test_text_encoders_stay_where_prompts_cannot_be_encoded_ahead(drawn: dict[str, Any]) -> None:
    one, other = (estimate(asked_for("lora", {**BF16, **changes})).phases["training"] for changes in ({}, drawn))
    assert other - one == pytest.approx(FRAGMENTATION * 2 * MODEL.text_encoders)


@pytest.mark.parametrize(
    ("changes", "millions"),
    [
        ({}, 6.78),
        ({"lora.algorithm": "loha"}, 2 * 6.78),
        ({"lora.conv_rank": 4}, 6.78 + 4 * 0.62688),
        ({"lora.targets": "attention"}, 3.19),
        ({"lora.dora": True}, 6.78 + 0.19),
    ],
)
def test_trained_values_of_layers_are_counted(changes: dict[str, Any], millions: float) -> None:
    """Of Stable Diffusion 1.5 at rank 16."""
    found = lora_parameters(asked_for("lora", {**LORA, **changes}), MODEL) / 1e6
    assert found == pytest.approx(millions, rel=0.02)
    smaller = lora_parameters(asked_for("lora", {**LORA, **changes}), MODEL.of_size(MODEL.unet // 4, 1, 1)) / 1e6
    assert smaller == pytest.approx(found / 4, rel=0.01)
