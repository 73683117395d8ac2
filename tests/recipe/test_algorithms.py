"""LoHa, LoKr and DoRA in whole runs: what a LoRA must keep to, they keep to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sd_finetune.errors import UserError
from sd_finetune.formats.lora import read_lora
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from sd_finetune.runs.messages import Step
from sd_finetune.training.output.save import save_result
from sd_finetune.training.state import Training
from tests.recorder import Replaying
from tests.toy import (
    ALGORITHMS,
    Toy,
    answer,
    assert_same_outcome,
    events_of,
    gradients_of_first_step,
    in_double,
    load_doubled,
    relative_error,
    stopped_and_resumed,
)

ROW = pytest.mark.parametrize("row", ALGORITHMS.values(), ids=ALGORITHMS)
FAMILY = pytest.mark.parametrize("kind", ["sd1", "sdxl"])
FROM_MODEL: dict[str, Any] = {"prior.weight": 1.0, "concepts.class_images": 2, "prior.source": "model"}


def perturbed(toy: Toy, row: dict[str, Any]) -> Training:
    """Everything that is trained has moved."""
    training = toy.prepare(row)
    generator = torch.Generator().manual_seed(9)
    for value in training.method.trained_tensors().values():
        value.data += 0.05 * torch.randn(value.shape, generator=generator)
    return training


@FAMILY
@ROW
def test_it_begins_as_the_base_and_learns(toys: Callable[[str], Toy], kind: str, row: dict[str, Any]) -> None:
    toy = toys(kind)
    assert relative_error(answer(in_double(toy.prepare(row))), answer(load_doubled(toy.checkpoint))) < 1e-13
    gradients = gradients_of_first_step(toy.prepare({**row, "train.length": "1 step", "train.max_grad_norm": 0}))
    by_layer: dict[str, float] = {}
    for name, value in gradients.items():
        layer = name.rpartition(".")[0]
        by_layer[layer] = max(by_layer.get(layer, 0), float(value.abs().max()))
    idle = [layer for layer, most in by_layer.items() if most == 0]
    assert all("text_encoder.text_model.encoder.layers.1." in layer for layer in idle), idle


@FAMILY
@ROW
def test_the_file_draws_as_it_was_trained(toys: Callable[[str], Toy], kind: str, row: dict[str, Any]) -> None:
    toy = toys(kind)
    training = perturbed(toy, row)
    path = save_result(training, 1, final=True)
    expected, base = answer(in_double(training)), answer(load_doubled(toy.checkpoint))
    assert relative_error(expected, base) > 1e-3
    with training.method.untrained():
        assert relative_error(answer(training.model), base) < 1e-13
    model = load_doubled(toy.checkpoint)
    attach_loras(model, [WeightedLora(read_lora(path)[0])])
    assert relative_error(answer(model), expected) < 1e-5
    on = toy.prepare({**row, "base.continue_from": str(path), "lora.alpha": 3.0})
    assert relative_error(answer(in_double(on)), expected) < 1e-5


@ROW
def test_stopped_and_resumed_is_the_same_run(toy: Toy, row: dict[str, Any]) -> None:
    changes = {**row, **FROM_MODEL, "train.length": "4 steps", "ema.decay": 0.9, "lora.module_dropout": 0.3}
    assert_same_outcome(toy.train(changes), stopped_and_resumed(toy, changes, 2))


@pytest.mark.parametrize("name", ["loha", "dora", "dora of lokr"])
def test_a_replayed_step_is_the_plain_one(toy: Toy, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    changes = {**ALGORITHMS[name], **FROM_MODEL, "train.length": "4 steps"}
    plain = toy.train(changes)
    recorder = Replaying()
    monkeypatch.setattr("sd_finetune.training.state.recorder_for", lambda settings, device: recorder)
    captured = toy.train(changes)
    assert recorder.replayed > 2
    losses = [[event.loss for event in events_of(training.run, Step)] for training in (plain, captured)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "ways",
    [
        {"train.frozen_weights": "int8"},
        {"train.mixed_precision": "bf16", "train.weights": "bf16"},
        {"train.gradient_checkpointing": True},
    ],
    ids=["8 bits", "bf16", "checkpointing"],
)
@pytest.mark.parametrize("name", ["loha", "dora", "dora of lokr"])
def test_ways_of_computing_change_it_by_rounding(toy: Toy, name: str, ways: dict[str, Any]) -> None:
    """DoRA's norms are those of the weights as they are computed with: the first step has the loss of the base."""
    lora, own = ([e.loss for e in events_of(toy.train({**row, **ways}).run, Step)] for row in ({}, ALGORITHMS[name]))
    assert own[0] == pytest.approx(lora[0], rel=1e-5)
    assert own[1] != own[0]


def test_a_lora_goes_on_as_a_dora(toy: Toy) -> None:
    """The sizes of the columns are what the file makes of them."""
    first = perturbed(toy, {"lora.conv_rank": 2})
    path = save_result(first, 1, final=True)
    expected = answer(in_double(first))
    on = toy.prepare({"lora.conv_rank": 2, "lora.dora": True, "base.continue_from": str(path)})
    assert relative_error(answer(in_double(on)), expected) < 1e-5


@pytest.mark.parametrize(
    ("row", "changes", "words"),
    [
        ("loha", {"lora.algorithm": "lora"}, r'is a LoHa, and lora\.algorithm is "lora": set lora\.algorithm = "loha"'),
        ("loha", {"lora.rank": 2}, r"layers of rank 4, but lora\.rank is 2: set lora\.rank = 4 or more\."),
        ("dora", {"lora.dora": False}, r"lora\.dora is false: set lora\.dora = true"),
        ("lokr", {"lora.factor": 2}, r"and .* is trained here: use one .* lora\.factor"),
        ("lokr", {"lora.full_matrix": True}, r"lokr_w1, lokr_w2_a, lokr_w2_b, and lokr_w1, lokr_w2 are trained here"),
    ],
)
def test_another_form_is_not_continued_from(toy: Toy, row: str, changes: dict[str, Any], words: str) -> None:
    path = save_result(toy.prepare(ALGORITHMS[row]), 1, final=True)
    with pytest.raises(UserError, match=words):
        toy.prepare({**ALGORITHMS[row], **changes, "base.continue_from": str(path)})


@pytest.mark.parametrize(
    ("row", "module", "arguments"),
    [
        ("loha", "lycoris.kohya", {"algo": "loha"}),
        (
            "lokr",
            "lycoris.kohya",
            {"algo": "lokr", "factor": "4", "full_matrix": "False", "decompose_both": "False", "conv_dim": "1",
             "conv_alpha": "1.0"},
        ),
        (
            "dora",
            "lycoris.kohya",
            {"algo": "locon", "dora_wd": "True", "wd_on_output": "False", "conv_dim": "3", "conv_alpha": "1.5"},
        ),
    ],
)  # fmt: skip
def test_the_file_says_what_it_is(toy: Toy, row: str, module: str, arguments: dict[str, str]) -> None:
    path = save_result(toy.prepare(ALGORITHMS[row]), 1, final=True)
    with safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_network_module"] == module
    assert json.loads(metadata["ss_network_args"]) == arguments


def test_sizes_are_kept_exactly_whatever_the_precision(toy: Toy) -> None:
    """Each is a factor of the whole weight, which half precision would change by up to 1/2048."""
    training = toy.prepare({"lora.dora": True, "output.precision": "fp16"})
    file = load_file(save_result(training, 1, final=True))
    sizes = [value for name, value in file.items() if name.endswith("dora_scale")]
    assert {value.dtype for value in sizes} == {torch.float32}
    assert {value.shape[0] for value in sizes} == {1}
