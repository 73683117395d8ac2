"""Every optimizer of the table in whole runs of the toy."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sd_finetune.errors import UserError
from sd_finetune.optimizers.build import evaluation_weights
from sd_finetune.optimizers.kept_state import kept_state
from sd_finetune.runs.messages import Phase, Saved, Step
from sd_finetune.settings.optimizer_arguments import optimizer_arguments
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import AVERAGE, Training
from tests.optimizers import LEARNING_RATES, ROW, optimizer_changes, other_options
from tests.toy import ROWS, Toy, events_of, train_and_command, trained


def changes_for(name: str) -> dict[str, Any]:
    return {**ROWS["lora+text"], **optimizer_changes(name), "train.length": "6 steps"}


def stopped(toy: Toy, changes: dict[str, Any]) -> Training:
    """A run that was stopped after three steps."""
    training = toy.prepare(changes)
    training.events.append(train_and_command(training, 3, "stop"))
    return training


def with_all_that_changes(name: str) -> dict[str, Any]:
    """A run with whatever makes its steps differ: accumulation, a schedule, a text encoder that stops after step 3, the
    average of the weights where the optimizer has none of its own, and evaluations, for which weights are exchanged."""
    average = {} if OPTIMIZERS[name].averages else {"ema.decay": 0.9, "ema.on_cpu": True}
    return {
        **changes_for(name),
        **average,
        "train.gradient_accumulation_steps": 2,
        "train.text_encoder_share": 0.5,
        "schedule.name": "cosine",
        "schedule.warmup": "2 steps",
        "evaluation.every": "1 step",
        "evaluation.images": 1,
        "evaluation.timesteps": 1,
    }


def stop_in_evaluation(training: Training, number: int) -> None:
    """Have the run stopped in the midst of evaluation `number`, counted from 1, and learn until then."""
    compute, left = training.evaluation.loss, iter(range(number - 1, -1, -1))

    def loss(*arguments: Any) -> float:
        if next(left) == 0:
            training.orders.stop()
        return compute(*arguments)

    training.evaluation.loss = loss  # type: ignore[method-assign]
    assert train(training).outcome == "stopped"


@ROW
def test_stopped_and_resumed_is_the_same_run(toy: Toy, name: str) -> None:
    """To the bit, and twice: while the text encoder learns, and after that."""
    changes = with_all_that_changes(name)
    whole, first = toy.train(changes), toy.prepare(changes)
    stop_in_evaluation(first, 3)  # of the start, of step 1 and of step 2
    second = prepare(first.run, resume=True)
    stop_in_evaluation(second, 2)  # of step 3 and of step 4
    third = prepare(first.run, resume=True)
    assert (second.first_step, third.first_step) == (2, 4)
    train(third)
    steps = [[(e.step, e.loss, e.learning_rates) for e in events_of(t.run, Step)] for t in (whole, third)]
    assert [(step, rates["text_encoder"] > 0) for step, _, rates in steps[0]] == [(n, n <= 3) for n in range(1, 7)]
    assert steps[0] == steps[1]
    kept, same = whole.kept_tensors(), third.kept_tensors()
    assert any(key.startswith(AVERAGE) for key in kept) != OPTIMIZERS[name].averages
    assert [key for key, value in kept.items() if not torch.equal(value, same[key])] == []
    results = [load_file(events_of(training.run, Saved)[-1].path) for training in (whole, third)]
    assert [key for key, value in results[0].items() if not torch.equal(value, results[1][key])] == []


@ROW
def test_resumed_it_follows_the_settings_as_they_are_now(toy: Toy, name: str) -> None:
    first = stopped(toy, changes_for(name))
    settings = json.loads(first.run.settings.read_text())
    settings["optimizer"] |= other_options(name)
    settings["train"] |= dict.fromkeys(("unet_learning_rate", "text_encoder_learning_rate"), LEARNING_RATES[name] / 2)
    first.run.settings.write_text(json.dumps(settings))
    second = prepare(first.run, resume=True)
    for group in second.optimizer.param_groups:
        assert (group["lr"], group["initial_lr"]) == (LEARNING_RATES[name] / 2,) * 2
        arguments = optimizer_arguments(second.settings)
        assert {key: group[key] for key in arguments} == arguments
    groups = [kept_state(training.optimizer, name)["groups"] for training in (first, second)]
    assert groups[0] == groups[1]


@ROW
def test_what_is_saved_and_shown_is_what_is_to_be_used(toy: Toy, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    shown = {"samples.prompts": ["a star"], "samples.at_start": False, "evaluation.every": "6 steps"}
    training = toy.prepare({**changes_for(name), **shown})
    seen: dict[str, dict[str, torch.Tensor]] = {}

    def seeing(place: str, result: Any) -> Any:
        return lambda *_: seen.update({place: trained(training)}) or result

    monkeypatch.setattr(training.method, "write", seeing("result", None))
    monkeypatch.setattr(training.evaluation, "loss", seeing("evaluation", 0.5))
    monkeypatch.setattr("sd_finetune.training.loop.generate_samples", seeing("samples", []))
    train(training)
    with evaluation_weights(training.optimizer, name):
        used = trained(training)
    assert set(seen) == {"result", "evaluation", "samples"}
    for place, values in seen.items():
        assert [key for key, value in values.items() if not torch.equal(value, used[key])] == [], place


def test_a_missing_package_is_told_before_anything_is_loaded(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy.run()
    monkeypatch.setitem(OPTIMIZERS, "adamw", replace(OPTIMIZERS["adamw"], package="not_installed"))
    with pytest.raises(UserError, match="needs the package not_installed"):
        prepare(run, resume=False)
    assert events_of(run, Phase) == []


@pytest.mark.parametrize("row", [*ROWS, "dreambooth+text, all"])
def test_weight_decay_is_of_matrices_alone(toy: Toy, row: str) -> None:
    """Unless it is asked for; of an embedding alone it always is, as its default is none."""
    asked = {"optimizer.decay_all": True} if row.endswith(", all") else {}
    training = toy.prepare({**ROWS[row.removesuffix(", all")], **asked, "optimizer.weight_decay": 0.3})
    names = {id(value): name for name, value in training.method.trained_tensors().items()}
    decays = {
        names[id(p)]: group["weight_decay"] > 0 for group in training.optimizer.param_groups for p in group["params"]
    }
    assert decays.keys() == set(names.values())
    spared = {
        name
        for name, value in training.method.trained_tensors().items()
        if value.ndim < 2 or name.endswith(("_embedding.weight", ".vectors"))
    }
    every = asked or row == "textual_inversion"
    assert {name for name, own in decays.items() if not own} == (set() if every else spared)
    assert not row.startswith("dreambooth+text") or any("norm" in name for name in spared)


def test_an_optimizer_of_the_collection_brings_no_compiler_along() -> None:
    """Which would take as long as all other imports of a worker."""
    pytest.importorskip("pytorch_optimizer")
    code = """
import sys, torch
from sd_finetune.training.dynamo_on_demand import dynamo_on_demand
with dynamo_on_demand():
    from sd_finetune.optimizers.build import implementation_of
    from sd_finetune.settings.options import Optimizer, Settings
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))]}]
    implementation_of("lion").build(groups, Settings(optimizer=Optimizer(name="lion")))
print(*(module for module in ("torch._inductor", "torch.distributed.tensor", "sympy") if module in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    allowed = {"sympy"} if torch.__version__.startswith("2.1.") else set()
    assert set(done.stdout.split()) <= allowed
