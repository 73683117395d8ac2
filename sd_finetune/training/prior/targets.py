"""Prior predictions: the untrained model's for class examples, their target where `prior.source` is "model"."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.concepts import Example
from ...data.cropping import Size
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.messages import Event, Phase, Warning_
from ...settings.options import Settings
from ..device import Accelerator, sent_to
from ..step.batches import Batch, Batches
from ..step.conditioning import BringBack, Conditioning, nothing_is_away
from ..step.gradients import Prepared, PriorTargets
from ..step.loss import predictions_of

FLOAT = np.dtype(np.float32)
Shape = tuple[int, int, int]
"""Of latents."""


class BasePredictions:
    """Computes prior predictions: for the same noisy latents, with the class prompts, without gradients.

    untrained: a context in which the model is untrained; autocast: the precision of the run.
    """

    def __init__(
        self,
        model: DiffusionModel,
        untrained: Callable[[], AbstractContextManager[Any]],
        autocast: Callable[[], AbstractContextManager[Any]],
        bring_back: BringBack = nothing_is_away,
    ) -> None:
        self._model = model
        self._untrained, self._autocast = untrained, autocast
        self._conditioning = Conditioning(model, text_encoder_is_trained=False, bring_back=bring_back)

    @torch.no_grad()
    def prepare(self, batch: Batch) -> TextConditioning:
        """The class prompts of the batch's class examples, encoded."""
        with self._untrained(), self._autocast():
            return self._conditioning(_prompts(batch.class_examples))

    @torch.no_grad()
    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """Targets as in `PriorTargets`, on the model's device."""
        assert isinstance(prepared, TextConditioning)
        first = len(batch.latents) - batch.class_rows
        rows = batch.latents[first:], batch.noise[first:], batch.timesteps[first:]
        with self._untrained(), self._autocast():
            return predictions_of(self._model, *rows, prepared).float()

    def cache_prompts(self, examples: Sequence[Example]) -> None:
        """Encode the class prompts of these class examples now; see `Conditioning.cache`."""
        with self._untrained(), self._autocast():
            self._conditioning.cache(_prompts(examples))


def _prompts(examples: Sequence[Example]) -> list[str]:
    return [example.untrained_prompt for example in examples]


class PredictionBank:
    """Prior predictions for the class examples 0 ... size - 1 in a file, of which only the needed ones are read.

    For DreamBooth, which changes the weights of the untrained model. shapes: (4, height/8, width/8) of each.
    """

    def __init__(self, path: Path, shapes: Sequence[Shape]) -> None:
        self._path, self._shapes = path, shapes
        self._starts = _starts(shapes)

    def prepare(self, batch: Batch) -> Tensor:
        """The targets themselves, on the batch's device."""
        kept = np.load(self._path, mmap_mode="r")
        rows = np.stack([self._row(kept, number) for number in batch.class_numbers])
        return sent_to(batch.latents.device, torch.as_tensor(rows))

    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """Targets as in `PriorTargets`."""
        assert isinstance(prepared, Tensor)
        return prepared

    def _row(self, kept: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        return kept[self._starts[number] : self._starts[number + 1]].reshape(self._shapes[number])


def prior_bank(
    path: Path, settings: Settings, batches: Batches, predictions: PriorTargets, emit: Callable[[Event], None]
) -> PredictionBank:
    """The bank of a run at `path`, computed with the model as it is unless the file is there already.

    Raises:
        UserError: there is no space left.
    """
    used = batches.used_before(settings.train.length.steps(batches.steps_per_epoch))
    shapes = [_latents_of(batches.class_size(number)) for number in range(min(settings.prior.bank_size, used))]
    values = _starts(shapes)[-1]
    if not (path.exists() and np.load(path, mmap_mode="r").shape == (values,)):
        emit(Warning_(message=_size_message(len(shapes), values)))
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            header = {"descr": FLOAT.str, "fortran_order": False, "shape": (values,)}
            np.lib.format.write_array_header_1_0(file, header)  # pyright: ignore[reportUnknownMemberType]
            for rows in _bank_rows(len(shapes), batches, predictions, emit):
                file.write(np.asarray(rows.cpu()).tobytes())
    return PredictionBank(path, shapes)


def _latents_of(size: Size) -> Shape:
    return (4, size[1] // 8, size[0] // 8)


def _starts(shapes: Sequence[Shape]) -> list[int]:
    """Where each begins if one follows another, and where the last one ends."""
    return [0, *accumulate(map(math.prod, shapes))]


def _bank_rows(
    size: int, batches: Batches, predictions: PriorTargets, emit: Callable[[Event], None]
) -> Iterator[Tensor]:
    """The prior predictions for the class examples 0 ... size - 1, in batches."""
    done = 0
    for batch in batches.of_class(range(size)):
        emit(Phase(name="precomputing prior predictions", done=done, total=size))
        done += len(batch.latents)
        yield predictions(batch, predictions.prepare(batch))
    emit(Phase(name="precomputing prior predictions", done=size, total=size))


def _size_message(count: int, values: int) -> str:
    return (
        f"{count:,} prior predictions are precomputed before training; they take {values * FLOAT.itemsize / 1e6:,.1f} "
        "MB in the run folder until the run is finished."
    )


def stored_prior(
    run: RunFolder,
    settings: Settings,
    model: DiffusionModel,
    batches: Batches,
    accelerator: Accelerator,
    emit: Callable[[Event], None],
) -> PriorTargets | None:
    """Precomputed prior predictions, for methods that change the model's own weights; else None."""
    if not settings.has_prior_bank():
        return None
    predictions = BasePredictions(model, nullcontext, accelerator.autocast)
    return prior_bank(run.prior_bank, settings, batches, predictions, emit)


def live_prior(
    settings: Settings,
    model: DiffusionModel,
    untrained: Callable[[], AbstractContextManager[Any]],
    accelerator: Accelerator,
    bring_back: BringBack,
) -> BasePredictions | None:
    """Prior predictions at each step, if `prior.source` is "model". untrained: as in `BasePredictions`."""
    if settings.prior.source == "images":
        return None
    return BasePredictions(model, untrained, accelerator.autocast, bring_back)
