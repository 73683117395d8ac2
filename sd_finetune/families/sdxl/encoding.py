"""What SDXL's two text encoders make of prompts, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...settings.prompt_reading import PromptReading
from ..conditioning import TextConditioning
from ..emphasis import emphasized
from ..family import DiffusionModel
from ..prompts import chunks_of, tokenize
from ..sent import sent_to
from .facts import SDXL

LAYER = -2
"""Of each encoder, without its last norm."""


def encode_prompts(model: DiffusionModel, prompts: Sequence[str], reading: PromptReading) -> list[TextConditioning]:
    """The states of both encoders side by side, (1, 77 for each chunk, both widths), and the first chunk's vector."""
    if not prompts:
        return []
    by_prompt = [chunks_of(model, prompt, reading) for prompt in prompts]
    chunks = [chunk for own in by_prompt for chunk in own]
    weights = [chunk.weights() for chunk in chunks]
    encoders = {part: model.text_encoders[part] for part in SDXL.text_encoders}
    ids = {part: sent_to(encoder.device, tokenize(model, chunks, part)) for part, encoder in encoders.items()}
    answers = {part: encoders[part].text_model(own, output_hidden_states=True) for part, own in ids.items()}
    states = [emphasized(answer.hidden_states[LAYER], weights, reading.emphasis) for answer in answers.values()]
    last = SDXL.text_encoders[-1]
    end = model.tokenizers[last].eos_token_id
    pooled = _pooled(encoders[last], answers[last].last_hidden_state, ids[last], end)
    lengths = [len(own) for own in by_prompt]
    of_prompts = torch.split(torch.cat(states, dim=-1), lengths)
    first_chunks = (own[:1] for own in torch.split(pooled, lengths))
    return [
        TextConditioning(own.flatten(0, 1)[None], pooled=vector)
        for own, vector in zip(of_prompts, first_chunks, strict=True)
    ]


def _pooled(encoder: Any, states: Tensor, ids: Tensor, end: int) -> Tensor:
    """The projection of what stands at the first end token, (chunks, width).

    Found by its id, as ids of new words are higher. states: after the last norm.
    """
    places = (ids == end).int().argmax(dim=1)
    return encoder.text_projection(states[torch.arange(len(ids), device=ids.device), places])
