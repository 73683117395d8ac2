"""Encoded prompts, cached where training does not change them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from ...families.conditioning import TextConditioning, join_conditioning
from ...families.family import DiffusionModel
from ...families.prompts import uses_new_word
from ...families.sent import sent_to
from ...sampling.generate import BringBack, nothing_is_away
from ...settings.groups.captions import CHUNK_TOKENS
from ...settings.prompt_reading import PLAIN, PromptReading
from ..processes.processes import ALONE, Processes

MOST_BYTES = 256_000_000
"""Of encoded prompts that are kept where they were encoded; the others are encoded when they are used."""
MOST_BYTES_IN_RAM = 8_000_000_000
"""Of those that are encoded ahead."""
CACHED_TOGETHER = 16
"""Prompts in one pass of the text encoder when they are encoded ahead."""


def bytes_of_prompts(model: DiffusionModel, count: int, reading: PromptReading) -> int:
    """That so many encoded prompts take at most, but for what is pooled."""
    precision = max(model.place_of(part)[1].itemsize for part in model.text_encoders)
    tokens = (reading.chunks or 1) * (CHUNK_TOKENS + 2)
    return count * tokens * model.unet.config.cross_attention_dim * precision


class Conditioning:
    """Encodes prompts: once, or at each call where the text encoder or a new word in them is trained.

    The latest are kept in `MOST_BYTES`, as captions that are shuffled are new ones at each use. So is all that `cache`
    was called with, which waits in RAM where it takes more.
    """

    def __init__(
        self,
        model: DiffusionModel,
        text_encoder_is_trained: bool,
        bring_back: BringBack = nothing_is_away,
        reading: PromptReading = PLAIN,
    ) -> None:
        self._model, self._reading = model, reading
        self._trained = text_encoder_is_trained
        self._words_learn = True
        self._bring_back = bring_back
        self._cache: dict[str, TextConditioning] = {}
        self._bytes, self._most_bytes = 0, float(MOST_BYTES)
        self._wait_in_ram = False

    def __call__(self, prompts: Sequence[str]) -> TextConditioning:
        """A row for each prompt, with gradients where the text encoder or a new word in the prompt is trained."""
        if self._trained:
            return self._model.encode_prompts(prompts, self._reading)
        distinct = list(dict.fromkeys(prompts))
        unknown = [p for p in distinct if p not in self._cache]
        states = self._fixed(unknown)
        learning = [p for p in unknown if p not in states]
        self._bytes += sum(map(_bytes_of, states.values()))
        states |= {p: self._cache.pop(p) for p in distinct if p in self._cache}
        self._cache |= states  # behind those not used now
        while self._bytes > self._most_bytes:
            self._bytes -= _bytes_of(self._cache.pop(next(iter(self._cache))))
        states |= self._states(learning)
        joined = join_conditioning([states[p] for p in prompts])
        return joined.each(partial(sent_to, self._model.unet.device)) if self._wait_in_ram else joined

    def text_encoders_stay(self) -> None:
        """The text encoder is not trained any more, so that prompts are encoded once from now on."""
        self._trained = False

    def words_stay(self) -> None:
        """New words are not trained any more: prompts with them are encoded once too, if the text encoder is not."""
        self._words_learn = False

    @contextmanager
    def with_other_weights(self) -> Generator[None, None, None]:
        """Nothing that was encoded is used while the block runs, and nothing of it afterwards."""
        kept, self._cache = (self._cache, self._bytes), {}
        self._bytes = 0
        try:
            yield
        finally:
            self._cache, self._bytes = kept

    def cache(
        self,
        prompts: Sequence[str],
        report: Callable[[int, int], None] = lambda done, total: None,
        processes: Processes = ALONE,
    ) -> None:
        """Encode now all that is going to be asked for, so that the text encoder is not needed again.

        report: called with (prompts done, prompts in all); what it raises ends this. processes: those that share this.
        """
        distinct = list(dict.fromkeys(prompts))
        self._most_bytes = float("inf")
        self._wait_in_ram = bytes_of_prompts(self._model, len(distinct), self._reading) > MOST_BYTES
        passes = [distinct[k : k + CACHED_TOGETHER] for k in range(0, len(distinct), CACHED_TOGETHER)]
        encode = self._fixed if processes is ALONE else self._sendable
        for number, states in enumerate(processes.each(encode, passes)):
            report(number * CACHED_TOGETHER, len(distinct))
            self._keep(states)
        report(len(distinct), len(distinct))

    @torch.no_grad()
    def _fixed(self, prompts: Sequence[str]) -> dict[str, TextConditioning]:
        """Those of the prompts, encoded, that are not known yet and that training does not change."""
        if self._trained:
            return {}
        unknown = [p for p in prompts if p not in self._cache]
        return self._states([p for p in unknown if not self._learns(p)])

    def _learns(self, prompt: str) -> bool:
        return self._words_learn and uses_new_word(self._model, prompt, self._reading)

    def _sendable(self, prompts: Sequence[str]) -> dict[str, TextConditioning]:
        """The same in RAM."""
        return {prompt: states.each(Tensor.cpu) for prompt, states in self._fixed(prompts).items()}

    def _keep(self, states: Mapping[str, TextConditioning]) -> None:
        """Add what was encoded to what is known, where that is kept."""
        if not self._wait_in_ram:
            states = {prompt: each.each(self._to_device) for prompt, each in states.items()}
        self._bytes += sum(map(_bytes_of, states.values()))
        self._cache |= states

    def _to_device(self, tensor: Tensor) -> Tensor:
        return sent_to(self._model.unet.device, tensor) if tensor.device.type == "cpu" else tensor

    def _states(self, prompts: Sequence[str]) -> dict[str, TextConditioning]:
        if not prompts:
            return {}
        with self._bring_back(self._model.text_encoders):
            encoded = self._model.encode_each(prompts, self._reading)
        if self._wait_in_ram:
            encoded = [each.each(Tensor.cpu) for each in encoded]
        return dict(zip(prompts, encoded, strict=True))


def _bytes_of(conditioning: TextConditioning) -> int:
    return sum(tensor.nbytes for tensor in conditioning.tensors())
