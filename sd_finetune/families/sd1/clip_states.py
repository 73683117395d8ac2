"""What CLIP makes of prompts, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...settings.prompt_reading import PromptReading
from ..emphasis import emphasized
from ..family import DiffusionModel
from ..prompts import chunks_of, tokenize
from ..sent import sent_to
from .facts import SD1


def encode_in_chunks(model: DiffusionModel, prompts: Sequence[str], reading: PromptReading) -> list[Tensor]:
    """The states of each prompt, (1, 77 for each of its chunks, width)."""
    if not prompts:
        return []
    by_prompt = [chunks_of(model, prompt, reading) for prompt in prompts]
    chunks = [chunk for own in by_prompt for chunk in own]
    states = _states(model.text_encoder, tokenize(model, chunks, SD1.text_encoders[0]), reading.clip_skip)
    states = emphasized(states, [chunk.weights() for chunk in chunks], reading.emphasis)
    return [own.flatten(0, 1)[None] for own in torch.split(states, [len(own) for own in by_prompt])]


def _states(text_encoder: Any, ids: Tensor, clip_skip: int) -> Tensor:
    """Of a layer after the last norm, (chunks, 77, width)."""
    ids = sent_to(text_encoder.device, ids)
    if clip_skip == 1:
        return text_encoder(ids).last_hidden_state
    states = text_encoder(ids, output_hidden_states=True).hidden_states[-clip_skip]
    return text_encoder.text_model.final_layer_norm(states)
