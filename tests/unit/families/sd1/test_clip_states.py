"""Hidden states of prompts in chunks, with clip skip and emphasis, computed by hand with transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import chunks_of, refuse_clip_skip, tokenize
from sd_finetune.families.sd1.architecture import TextEncoderSizes
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.settings.emphasis import EMPHASIS_MODES
from sd_finetune.settings.prompt_reading import PromptReading
from tests.toy import make_checkpoint, through_layers

THREE_LAYERS = TextEncoderSizes(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2)
PROMPT = f"a (red:1.4) star, {'moon ' * 80} BREAK [sky]"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    file = make_checkpoint(tmp_path_factory.mktemp("model") / "deep.safetensors", text_encoder=THREE_LAYERS)
    model = load_model(read_checkpoint(file))
    model.to(torch.device("cpu"), torch.float32)
    bias = model.text_encoder.text_model.final_layer_norm.bias
    bias.data += 0.5  # else the mean of all states is zero but for rounding, and cannot be kept
    return model


def by_hand(model: DiffusionModel, ids: Tensor, layers: int) -> Tensor:
    """Of each row of ids, after the last norm, of an encoder that ends after so many layers."""
    text = model.text_encoder.text_model
    return text.final_layer_norm(through_layers(text.encoder.layers[:layers], text.embeddings(ids)))


def encoded(model: DiffusionModel, prompt: str, **reading: Any) -> Tensor:
    with torch.no_grad():
        return model.encode_prompts([prompt], PromptReading(**{"chunks": None, **reading})).hidden_states


@pytest.mark.parametrize("clip_skip", [1, 2, 3])
def test_the_layer_is_counted_from_the_last_and_chunks_stand_in_a_row(model: DiffusionModel, clip_skip: int) -> None:
    chunks = chunks_of(model, PROMPT, PromptReading("ignore", chunks=None))
    assert len(chunks) == 3
    with torch.no_grad():
        expected = by_hand(model, tokenize(model, chunks, "text_encoder"), 4 - clip_skip)
    found = encoded(model, PROMPT, emphasis="ignore", clip_skip=clip_skip)
    torch.testing.assert_close(found, expected.flatten(0, 1)[None], rtol=1e-4, atol=1e-5)


def test_a_layer_that_there_is_not_is_refused(model: DiffusionModel) -> None:
    refuse_clip_skip(model, 3, "train.clip_skip")
    with pytest.raises(UserError, match=r"train\.clip_skip = 4 is out of range .* has 3 layers: use .* from 1 to 3"):
        refuse_clip_skip(model, 4, "train.clip_skip")


@pytest.mark.parametrize("mode", EMPHASIS_MODES)
def test_emphasis_weighs_states(model: DiffusionModel, mode: str) -> None:
    found = encoded(model, PROMPT, emphasis=mode)
    chunks = chunks_of(model, PROMPT, PromptReading(mode, chunks=None))  # type: ignore[arg-type]
    with torch.no_grad():
        rows = by_hand(model, tokenize(model, chunks, "text_encoder"), 3)
    expected = []
    for chunk, row in zip(chunks, rows, strict=True):
        weighted = row * torch.tensor(chunk.weights())[:, None] if mode in ("original", "no_norm") else row
        expected.append(weighted * (row.mean() / weighted.mean()) if mode == "original" else weighted)
    torch.testing.assert_close(found, torch.cat(expected)[None], rtol=1e-4, atol=1e-5)
    assert (max(chunks[0].weights()) > 1) == (mode != "none"), "as plain text brackets are tokens"
    assert (
        "(</w>" in model.tokenizer.convert_ids_to_tokens(tokenize(model, chunks, "text_encoder")[0].tolist())
        or mode != "none"
    )


def test_gradients_run_through_all_chunks_but_not_through_skipped_layers(model: DiffusionModel) -> None:
    text = model.text_encoder.text_model
    text.requires_grad_(True)
    try:
        states = model.encode_prompts([PROMPT], PromptReading("original", clip_skip=2, chunks=None)).hidden_states
        states.square().sum().backward()
        by_layer = [layer.mlp.fc1.weight.grad for layer in text.encoder.layers]
        assert [gradient is not None for gradient in by_layer] == [True, True, False]
        rows = text.embeddings.token_embedding.weight.grad
        used = {name: model.tokenizer(name, add_special_tokens=False).input_ids[0] for name in ("red", "moon", "sky")}
        assert {name: bool(rows[row].any()) for name, row in used.items()} == dict.fromkeys(used, True)
    finally:
        text.zero_grad()
        text.requires_grad_(False)
