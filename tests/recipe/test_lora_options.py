"""What LoRA's own options do in a run and in its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.errors import UserError
from sd_finetune.formats.lora import read_lora
from sd_finetune.networks.lora_files import WeightedLora, attach_loras
from sd_finetune.runs.messages import Saved, Step
from tests.toy import (
    Toy,
    answer,
    assert_same_outcome,
    events_of,
    in_double,
    load_doubled,
    relative_error,
    stopped_and_resumed,
    trained,
)

PLUS = {"lora.plus_ratio": 16.0, "train.train_text_encoder": True}
DROPOUT = {"lora.dropout": 0.3, "lora.rank_dropout": 0.2, "lora.module_dropout": 0.1}


def test_a_file_of_rank_stabilized_layers_has_their_effect_everywhere(toy: Toy) -> None:
    training = toy.train({"lora.rank": 4, "lora.alpha": 3.0, "lora.rank_stabilized": True})
    _, layer = next(training.method.networks["unet"].named_layers())  # type: ignore[attr-defined]
    assert layer.scale == pytest.approx(3.0 / 4**0.5)
    file = load_file(events_of(training.run, Saved)[-1].path)
    alphas = [float(value) for name, value in file.items() if name.endswith(".alpha")]
    assert [alpha / 4 for alpha in alphas] == pytest.approx([layer.scale] * len(alphas))


def test_lora_up_learns_at_its_own_rate(toy: Toy) -> None:
    rates = events_of(toy.train(PLUS).run, Step)[-1].learning_rates
    shares = {name: rate / rates[name.partition(" ")[0]] for name, rate in rates.items()}
    assert shares == pytest.approx({"unet": 1, "unet lora_up": 16, "text_encoder": 1, "text_encoder lora_up": 16})


def test_layers_beside_convolutions_are_drawn_with(toy: Toy) -> None:
    training = toy.train({"lora.conv_rank": 3, "lora.rank": 4, "lora.alpha": 2.0, "train.length": "3 steps"})
    file = load_file(path := events_of(training.run, Saved)[-1].path)
    down = file["lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight"]
    assert down.shape == (3, 32, 3, 3)
    assert float(file["lora_unet_down_blocks_0_resnets_0_conv1.alpha"]) == pytest.approx(1.5)
    expected = answer(in_double(training))
    model = load_doubled(toy.checkpoint)
    assert relative_error(answer(model), expected) > 1e-3
    for network in attach_loras(model, [WeightedLora(read_lora(Path(path))[0])]):
        network.double()
    assert relative_error(answer(model), expected) < 1e-5


def test_such_a_file_is_continued_from(toy: Toy) -> None:
    first = toy.train({"lora.conv_rank": 3, "train.length": "2 steps"})
    file = events_of(first.run, Saved)[-1].path
    second = toy.prepare({"lora.conv_rank": 3, "base.continue_from": file})
    expected = trained(first)
    assert all(torch.allclose(value, expected[name]) for name, value in trained(second).items())
    with pytest.raises(UserError, match=r"use another LoRA, or set lora\.conv_rank"):
        toy.prepare({"base.continue_from": file})
    with pytest.raises(UserError, match=r"lora\.conv_rank is 2: set lora\.conv_rank = 3 or more"):
        toy.prepare({"lora.conv_rank": 2, "base.continue_from": file})


@pytest.mark.parametrize("options", [PLUS, DROPOUT], ids=["plus", "dropout"])
def test_stopped_and_resumed_is_the_same_run(toy: Toy, options: dict[str, object]) -> None:
    changes = {**options, "train.length": "6 steps", "ema.decay": 0.9}
    assert_same_outcome(toy.train(changes), stopped_and_resumed(toy, changes, 3))
