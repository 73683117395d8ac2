"""What LoRA's own options do in a run and in its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.runs.messages import Saved, Step
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from tests.toy import Toy, events_of, train_and_command, trained

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


@pytest.mark.parametrize("options", [PLUS, DROPOUT], ids=["plus", "dropout"])
def test_stopped_and_resumed_is_the_same_run(toy: Toy, options: dict[str, object]) -> None:
    changes = {**options, "train.length": "6 steps", "ema.decay": 0.9}
    whole, stopped = toy.train(changes), toy.prepare(changes)
    train_and_command(stopped, 3, "stop")
    resumed = prepare(stopped.run, resume=True)
    train(resumed)
    expected = trained(whole)
    assert all(torch.equal(value, expected[name]) for name, value in trained(resumed).items())
    first, second = (load_file(Path(events_of(run, Saved)[-1].path)) for run in (whole.run, resumed.run))
    assert all(torch.equal(value, second[name]) for name, value in first.items()), "the averages"
