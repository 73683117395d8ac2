"""Weights in bf16 and the optimizer inside the backward pass; that the run is the same is in test_fast_paths.py."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sd_finetune.optimizers import bf16_weights
from sd_finetune.optimizers.bf16_weights import weight_of
from sd_finetune.optimizers.build import evaluation_weights
from sd_finetune.optimizers.kept_state import kept_state
from sd_finetune.runs.messages import Evaluation, Saved, Step
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from sd_finetune.training.step import updates
from tests.optimizers import ROW as ROW_OF_OPTIMIZERS
from tests.optimizers import optimizer_changes
from tests.toy import ROWS, Toy, events_of, forget_accelerator, train_and_command, trained

FUSED = {"train.fused_backward": True}
BF16 = {"train.weights": "bf16", "train.mixed_precision": "bf16"}
UNCLIPPED = {"train.max_grad_norm": 0}
EACH_CLIPPED = {"train.max_grad_norm": 1e-3, "train.clip_by": "parameter_norm"}
LENGTH = {"train.length": "3 steps", "prior.weight": 1.0, "concepts.class_images": 2}


def losses(training: Training) -> list[float]:
    return [event.loss for event in events_of(training.run, Step)]


def assert_same_run(first: Training, second: Training) -> None:
    assert losses(first) == losses(second)
    assert len(losses(first)) > 2
    one, other = trained(first), trained(second)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_each_gradient_is_freed_at_once(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    most: list[int] = []
    step_some = updates.Updates._step_some

    def count_and_step(self: updates.Updates, weights: Any) -> None:
        most.append(sum(p.grad is not None for p in self.parameters))
        step_some(self, weights)

    monkeypatch.setattr(updates.Updates, "_step_some", count_and_step)
    training = toy.train({**LENGTH, **ROWS["dreambooth"], **UNCLIPPED, **FUSED})
    assert len(most) == 3 * len(training.updates.parameters)
    assert max(most) == 1


def test_each_parameter_is_clipped_by_its_own_norm(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    step_some = updates.Updates._step_some

    def look_and_step(self: updates.Updates, weights: Any) -> None:
        found.extend(float(weight.parameter.grad.norm()) for weight in weights)
        step_some(self, weights)

    monkeypatch.setattr(updates.Updates, "_step_some", look_and_step)
    toy.train({**ROWS["dreambooth"], **EACH_CLIPPED, **FUSED, "train.length": "1 step"})
    assert max(found) == pytest.approx(1e-3, rel=1e-2)
    assert sum(norm > 0.9e-3 for norm in found) > 10, "each may be as long as that"


@pytest.mark.parametrize(("plainly", "share"), [(False, 1.0), (True, 0.0)], ids=["stochastically", "plainly"])
def test_small_steps_are_not_lost(deep_toy: Toy, monkeypatch: pytest.MonkeyPatch, plainly: bool, share: float) -> None:
    """At DreamBooth's own learning rate of 2e-6, of which plain rounding leaves nearly nothing."""
    if plainly:
        monkeypatch.setattr(bf16_weights, "rounded_stochastically", lambda values, generator: values.bfloat16())
    changes = {**ROWS["dreambooth"], **UNCLIPPED, "train.unet_learning_rate": 2e-6, "train.length": "1 step"}
    fp32, bf16 = (
        moves(deep_toy.prepare({**changes, **format_})) for format_ in ({"train.mixed_precision": "bf16"}, BF16)
    )  # of many weights, so that chance evens out
    assert float(fp32.abs().mean()) == pytest.approx(2e-6, rel=0.05)
    # Single bf16 weights stay or jump; all of them together go as far the way that fp32 ones went, but for the few
    # whose gradient has another sign, as a forward pass in bf16 rounds other weights to other outputs.
    assert float((bf16 * fp32.sign()).mean() / fp32.abs().mean()) == pytest.approx(share, abs=0.15)


def moves(training: Training) -> Tensor:
    """How far a run moves all that it trains, as one vector."""
    start = trained(training)
    train(training)
    end = trained(training)
    return torch.cat([(end[name].double() - start[name].double()).flatten() for name in start])


@pytest.mark.parametrize("fused", [{}, FUSED], ids=["", "fused"])
def test_stopped_and_resumed_is_the_same_run(toy: Toy, fused: dict[str, Any]) -> None:
    changes = {**LENGTH, **ROWS["dreambooth+text"], **BF16, **UNCLIPPED, **fused, "train.length": "4 steps"}
    whole, first = toy.train(changes), toy.prepare(changes)
    first.events.append(train_and_command(first, 2, "stop"))
    second = prepare(first.run, resume=True)
    train(second)
    assert_same_run(whole, second)
    for state in second.optimizer.state.values():
        assert {value.dtype for value in state.values()} == {torch.float32}, "what is kept stays in fp32"


@ROW_OF_OPTIMIZERS
def test_every_optimizer_resumes_with_weights_that_are_rounded(toy: Toy, name: str) -> None:
    """To the bit, with the average of the weights, and inside of the backward pass where it can be there."""
    facts = OPTIMIZERS[name]
    changes = {
        **ROWS["lora"], **optimizer_changes(name), **BF16, **UNCLIPPED, **(FUSED if facts.steps_alone else {}),
        "ema.decay": 0.0 if facts.averages else 0.9, "train.length": "4 steps",
    }  # fmt: skip
    whole, first = toy.train(changes), toy.prepare(changes)
    first.events.append(train_and_command(first, 2, "stop"))
    second = prepare(first.run, resume=True)
    train(second)
    assert_same_run(whole, second)
    kept, same = whole.kept_tensors(), second.kept_tensors()
    assert [key for key, value in kept.items() if not torch.equal(value, same[key])] == []
    states = [kept_state(training.optimizer, name) for training in (whole, second)]
    assert states[0]["groups"] == states[1]["groups"]
    results = [load_file(events_of(training.run, Saved)[-1].path) for training in (whole, second)]
    assert [key for key, value in results[0].items() if not torch.equal(value, results[1][key])] == []


@ROW_OF_OPTIMIZERS
def test_every_optimizer_steps_bf16_weights(toy: Toy, name: str) -> None:
    """What is used of them, too: schedule-free AdamW's are not those that train."""
    changes = {**LENGTH, **ROWS["lora"], **optimizer_changes(name), "train.mixed_precision": "bf16"}
    shown = {"evaluation.every": "3 steps"}
    fp32, bf16 = (toy.train({**changes, **shown, "train.weights": format_}) for format_ in ("fp32", "bf16"))
    assert {value.dtype for value in trained(bf16).values()} == {torch.bfloat16}
    assert losses(bf16) == pytest.approx(losses(fp32), rel=0.05)
    found = [[event.loss for event in events_of(training.run, Evaluation)] for training in (fp32, bf16)]
    assert len(found[0]) == 2
    assert found[1] == pytest.approx(found[0], rel=0.02)
    with evaluation_weights(bf16.optimizer, name):
        used = trained(bf16)
    assert all(torch.equal(used[key], value) for key, value in trained(bf16).items()) != OPTIMIZERS[name].averages


def test_the_seed_decides_how_each_weight_is_rounded_in_each_step(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {**ROWS["dreambooth"], **BF16, "train.seed": 5, "train.length": "2 steps"}
    asked: list[tuple[int, str, int]] = []
    derived_seed = updates.derived_seed

    def noted(*what: Any) -> int:
        asked.append(what)
        return derived_seed(*what)

    monkeypatch.setattr(updates, "derived_seed", noted)
    first = toy.train(changes)
    assert {seed for seed, _, _ in asked} == {5}
    assert len(asked) == len(set(asked)) == 2 * len(first.updates.parameters)
    monkeypatch.setattr(updates, "derived_seed", lambda *what: 7)
    other = trained(toy.train(changes))
    assert any(not torch.equal(value, other[name]) for name, value in trained(first).items())


def test_few_weights_are_in_fp32_at_a_time(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    in_fp32 = updates.in_fp32

    def count_and_do(stand_ins: Any, generators: Any) -> Any:
        sizes.append(sum(weight_of(p).numel() for p in stand_ins))
        return in_fp32(stand_ins, generators)

    monkeypatch.setattr(updates, "in_fp32", count_and_do)
    monkeypatch.setattr(updates, "PORTION_VALUES", 10_000)
    changes = {**LENGTH, **ROWS["dreambooth"], **BF16}
    few = toy.train(changes)
    largest = max(p.numel() for p in few.updates.parameters)
    assert max(sizes) == max(largest, 10_000)
    monkeypatch.undo()
    forget_accelerator()
    assert_same_run(few, toy.train(changes))


def test_hooks_do_not_keep_weights_alive(toy: Toy) -> None:
    training = toy.train({**ROWS["lora"], **UNCLIPPED, **FUSED, "train.length": "1 step"})
    weight = weakref.ref(training.updates.parameters[0])
    del training
    gc.collect()
    assert weight() is None
