from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from sd_finetune.settings.prompt_reading import PromptReading
from sd_finetune.training.processes.processes import Alone
from sd_finetune.training.step.conditioning import Conditioning, bytes_of_prompts
from tests.toy import Toy

T = TypeVar("T")
R = TypeVar("R")

ONE_PROMPT = 77 * 32 * 4
"""Bytes."""


def test_of_a_frozen_text_encoder_each_prompt_is_computed_once(toy: Toy) -> None:
    model = toy.prepare().model
    calls: list[int] = []
    model.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    conditioning = Conditioning(model, text_encoder_is_trained=False)
    states = conditioning(["a star", "a moon", "a star"]).hidden_states
    conditioning(["a moon"])
    assert len(calls) == 1
    expected = model.encode_prompts(["a star", "a moon", "a star"]).hidden_states
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(states[0], states[1], atol=1e-2)
    assert not states.requires_grad


def test_only_the_latest_are_kept(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """As shuffled captions are others at each use."""
    monkeypatch.setattr("sd_finetune.training.step.conditioning.MOST_BYTES", 3 * ONE_PROMPT)
    model = toy.prepare().model
    calls: list[int] = []
    model.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    conditioning = Conditioning(model, text_encoder_is_trained=False)
    for number in range(6):
        conditioning(["a star", f"star {number}"])
    assert len(calls) == 6
    conditioning(["star 5", "star 4", "a star"])
    assert len(calls) == 6
    conditioning(["star 3"])
    assert len(calls) == 7
    assert conditioning([f"moon {number}" for number in range(5)]).hidden_states.shape[0] == 5


@pytest.mark.parametrize("most", [3, 20])
def test_all_that_is_encoded_ahead_is_kept(toy: Toy, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """As the text encoders are put away then; in RAM where it takes much."""
    sent: list[Tensor] = []
    monkeypatch.setattr("sd_finetune.training.step.conditioning.MOST_BYTES", most * ONE_PROMPT)
    monkeypatch.setattr(
        "sd_finetune.training.step.conditioning.sent_to", lambda _, tensor: sent.append(tensor) or tensor
    )
    model = toy.prepare().model
    conditioning, prompts = Conditioning(model, text_encoder_is_trained=False), [f"star {n}" for n in range(20)]
    told: list[tuple[int, int]] = []
    conditioning.cache(prompts, lambda *how_far: told.append(how_far))
    assert told == [(0, 20), (16, 20), (20, 20)]
    expected = model.encode_prompts(prompts).hidden_states
    sent.clear()
    model.text_encoder.register_forward_hook(lambda *_: pytest.fail("encoded again"))
    torch.testing.assert_close(conditioning(prompts).hidden_states, expected, rtol=0, atol=1e-5)
    assert len(sent) == (most < 20)


class SeveralProcesses(Alone):
    """All of them do their part here, and send what they computed as a group does."""

    def each(self, compute: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        return (pickle.loads(pickle.dumps(compute(item))) for item in items)


def test_what_several_processes_encode_is_as_what_one_does(toy: Toy) -> None:
    model, prompts = toy.prepare().model, [f"star {n}" for n in range(20)]
    alone, together = (Conditioning(model, text_encoder_is_trained=False) for _ in range(2))
    alone.cache(prompts)
    told: list[tuple[int, int]] = []
    together.cache(prompts, lambda *how_far: told.append(how_far), SeveralProcesses())
    assert told == [(0, 20), (16, 20), (20, 20)]
    model.text_encoder.register_forward_hook(lambda *_: pytest.fail("encoded again"))
    assert torch.equal(together(prompts).hidden_states, alone(prompts).hidden_states)


def test_prompts_take_what_is_said(toy: Toy) -> None:
    model = toy.prepare().model
    for chunks in (1, 3):
        reading = PromptReading(chunks=chunks)
        encoded = model.encode_prompts(["star " * 75 * chunks] * 2, reading)
        assert encoded.hidden_states.nbytes == bytes_of_prompts(model, 2, reading) == 2 * chunks * ONE_PROMPT


def test_of_a_learning_one_it_is_computed_anew_with_gradients(toy: Toy) -> None:
    model = toy.prepare({"method": "dreambooth", "train.train_text_encoder": True}).model
    conditioning = Conditioning(model, text_encoder_is_trained=True)
    before = conditioning(["a star"]).hidden_states
    assert before.requires_grad
    model.text_encoder.text_model.final_layer_norm.bias.data += 1
    torch.testing.assert_close(conditioning(["a star"]).hidden_states, before + 1)
