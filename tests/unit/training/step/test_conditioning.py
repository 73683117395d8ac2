from __future__ import annotations

import torch

from sd_finetune.families.parts import encode_prompts
from sd_finetune.training.step.conditioning import Conditioning
from tests.toy import Toy


def test_of_a_frozen_text_encoder_each_prompt_is_computed_once(toy: Toy) -> None:
    parts = toy.prepare().parts
    calls: list[int] = []
    parts.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    conditioning = Conditioning(parts, text_encoder_is_trained=False)
    states = conditioning(["a star", "a moon", "a star"])
    conditioning(["a moon"])
    assert len(calls) == 1
    expected = encode_prompts(parts, ["a star", "a moon", "a star"])
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(states[0], states[1], atol=1e-2)
    assert not states.requires_grad


def test_of_a_learning_one_it_is_computed_anew_with_gradients(toy: Toy) -> None:
    parts = toy.prepare({"method": "dreambooth", "train.train_text_encoder": True}).parts
    conditioning = Conditioning(parts, text_encoder_is_trained=True)
    before = conditioning(["a star"])
    assert before.requires_grad
    parts.text_encoder.text_model.final_layer_norm.bias.data += 1
    torch.testing.assert_close(conditioning(["a star"]), before + 1)
