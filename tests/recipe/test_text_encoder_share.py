"""Text encoders that are trained in the first steps, and the prior loss weight that falls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.runs.messages import Step
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.training.state import Training
from tests.toy import ROWS, Toy, after_step, events_of, train_and_command, trained

SHARE = {"train.text_encoder_share": 0.4, "train.length": "5 steps", "lora.dropout": 0.5}
METHODS = pytest.mark.parametrize("row", ["lora+text", "dreambooth+text"])


def changes_for(row: str) -> dict[str, Any]:
    return {**ROWS[row], **SHARE, "evaluation.every": "1 step"}


def of_text(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in values.items() if name.startswith("text_encoder")}


@METHODS
def test_after_their_share_they_stay_as_they_are_and_the_unet_goes_on(toy: Toy, row: str) -> None:
    training = toy.prepare(changes_for(row))
    seen: list[dict[str, Tensor]] = [trained(training)]
    for step in range(1, 6):
        after_step(training, step, lambda: seen.append(trained(training)))
    encoded: list[int] = []
    encode = training.model.encode_each

    def counting(prompts: Sequence[str], *args: Any) -> Any:
        encoded.extend([len(prompts)] * bool(training.parts_that_stay))
        return encode(prompts, *args)

    training.model.encode_each = counting  # type: ignore[method-assign]
    train(training)
    texts = [of_text(values) for values in seen]
    assert all(texts)
    changed = [any(not torch.equal(one[name], other[name]) for name in one) for one, other in pairwise(texts)]
    assert changed == [True, True, False, False, False]
    assert any(not torch.equal(seen[-1][name], value) for name, value in seen[-2].items())
    rates = [event.learning_rates["text_encoder"] for event in events_of(training.run, Step)]
    assert rates[0] == rates[1] > 0
    assert rates[2:] == [0, 0, 0]
    assert encoded == [1], "then the prompt is encoded once"


Whole = Callable[[str], Training]


@pytest.fixture(scope="module")
def whole_run(toy: Toy) -> Whole:
    """By row: the run that nothing stops."""
    return cache(lambda row: toy.train(changes_for(row)))


@METHODS
@pytest.mark.parametrize("stopped_after", [1, 3])
def test_stopped_and_resumed_is_the_same_run(toy: Toy, whole_run: Whole, row: str, stopped_after: int) -> None:
    whole, first = whole_run(row), toy.prepare(changes_for(row))
    first.events.append(train_and_command(first, stopped_after, "stop"))
    second = prepare(first.run, resume=True)
    train(second)
    losses = [[event.loss for event in events_of(training.run, Step)] for training in (whole, second)]
    assert losses[0] == losses[1]
    assert [name for name, value in trained(whole).items() if not torch.equal(value, trained(second)[name])] == []


def test_the_prior_counts_less_from_step_to_step(toy: Toy) -> None:
    asked = {"prior.weight": 1.0, "prior.decay": "4 steps", "prior.minimum": 0.2, "concepts.class_images": 2}
    training = toy.train({**asked, "train.length": "6 steps"})
    found = [(e.loss - e.instance_loss) / e.prior_loss for e in events_of(training.run, Step) if e.prior_loss]
    assert found == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2], rel=1e-3)


def test_a_prior_that_would_rise_is_refused(toy: Toy) -> None:
    with pytest.raises(UserError, match=r"prior\.minimum = 2 is above prior\.weight = 1, which"):
        toy.settings({"prior.weight": 1.0, "prior.decay": "4 steps", "prior.minimum": 2})


def test_a_learning_rate_that_ends_at_0_stops_it_at_that_step(toy: Toy) -> None:
    by_rate = {**ROWS["lora+text"], "train.length": "4 steps", "train.text_encoder_learning_rate": "5e-4:2, 0"}
    by_share = {**ROWS["lora+text"], "train.length": "4 steps", "train.text_encoder_share": 0.5}
    one, other = toy.train(by_rate), toy.train(by_share)
    assert one.parts_that_stay == other.parts_that_stay == {"text_encoder_learning_rate"}
    assert all(torch.equal(value, trained(other)[name]) for name, value in trained(one).items())
