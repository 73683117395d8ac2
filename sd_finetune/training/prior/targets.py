"""Predictions of the untrained model: targets of class examples, and of training images outside of their masks."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.cropping import Size
from ...families.conditioning import TextConditioning
from ...families.family import DiffusionModel
from ...families.sent import sent_to
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.messages import Event, Phase, Warning_
from ...sampling.generate import BringBack, nothing_is_away
from ...settings.options import Settings
from ...settings.prompt_reading import PLAIN, PromptReading, trained_reading
from ..device import Accelerator
from ..processes.processes import ALONE, Processes
from ..step.batches import Batch, Batches, Role
from ..step.conditioning import Conditioning
from ..step.gradients import Prepared, PriorTargets, Sources
from ..step.loss import predictions_of
from .bank_marks import MARKS, marks_of

FLOAT = np.dtype(np.float32)
Shape = tuple[int, int, int]
"""Of latents."""


class BasePredictions:
    """Computes them: for the same noisy latents, without gradients.

    Class examples with the class prompts, training images with their own. untrained: a context in which the model is
    untrained; autocast: the precision of the run.
    """

    def __init__(
        self,
        model: DiffusionModel,
        untrained: Callable[[], AbstractContextManager[Any]],
        autocast: Callable[[], AbstractContextManager[Any]],
        bring_back: BringBack = nothing_is_away,
        role: Role = "class",
        reading: PromptReading = PLAIN,
    ) -> None:
        self._model, self._role = model, role
        self._untrained, self._autocast = untrained, autocast
        self._conditioning = Conditioning(model, text_encoder_is_trained=False, bring_back=bring_back, reading=reading)

    @torch.no_grad()
    def prepare(self, batch: Batch) -> TextConditioning:
        """The prompts, encoded, with the sizes of the images."""
        own = batch.prompts[: batch.instance_rows]
        prompts = own if self._role == "instance" else [example.untrained_prompt for example in batch.class_examples]
        with self._untrained(), self._autocast():
            return batch.told(self._conditioning(prompts), self._rows(batch))

    @torch.no_grad()
    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """Targets as in `PriorTargets`, on the model's device."""
        assert isinstance(prepared, TextConditioning)
        rows = self._rows(batch)
        with self._untrained(), self._autocast():
            noisy = batch.latents[rows], batch.shown_noise[rows], batch.timesteps[rows]
            return predictions_of(self._model, *noisy, prepared).float()

    def _rows(self, batch: Batch) -> slice:
        """Those of the batch that have its targets."""
        own = batch.instance_rows
        return slice(own) if self._role == "instance" else slice(own, None)

    def cache_prompts(
        self, prompts: Sequence[str], report: Callable[[int, int], None], processes: Processes = ALONE
    ) -> None:
        """Encode these now; see `Conditioning.cache`."""
        with self._untrained(), self._autocast():
            self._conditioning.cache(prompts, report, processes)


class PredictionBank:
    """Predictions for the examples 0 ... size - 1 of a role in a file, of which only the needed ones are read.

    For DreamBooth, which changes the weights of the untrained model. shapes: (4, height/8, width/8) of each.
    """

    def __init__(self, path: Path, shapes: Sequence[Shape], role: Role = "class") -> None:
        self._path, self._shapes, self._role = path, shapes, role
        self._starts = _starts(shapes)

    def prepare(self, batch: Batch) -> Tensor:
        """The targets themselves, on the batch's device."""
        numbers = batch.instance_numbers if self._role == "instance" else batch.class_numbers
        kept = np.load(self._path, mmap_mode="r")
        rows = np.stack([self._row(kept, number) for number in numbers])
        return sent_to(batch.latents.device, torch.as_tensor(rows))

    def __call__(self, batch: Batch, prepared: Prepared) -> Tensor:
        """Targets as in `PriorTargets`."""
        assert isinstance(prepared, Tensor)
        return prepared

    def _row(self, kept: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        return kept[self._starts[number] : self._starts[number + 1]].reshape(self._shapes[number])


def prediction_bank(
    path: Path,
    settings: Settings,
    model: DiffusionModel,
    batches: Batches,
    predictions: PriorTargets,
    emit: Callable[[Event], None],
    role: Role = "class",
    processes: Processes = ALONE,
) -> PredictionBank:
    """The bank of a run at `path`, computed with the model as it is unless the file is there already.

    Raises:
        UserError: there is no space left, or an image cannot be read.
    """
    steps = settings.train.length.steps(batches.steps_per_epoch)
    if role == "class":
        count, size_of = min(settings.prior.bank_size, batches.used_before(steps)), batches.class_size
    else:
        count, size_of = batches.outside_numbers(steps), batches.instance_size
    shapes = [_latents_of(size_of(number)) for number in range(count)]
    values = _starts(shapes)[-1]
    # Images are read for the marks, which the first process alone looks at and writes.
    marks = marks_of(settings, model.architecture, batches, role, count) if processes.number == 0 else None
    if not processes.of_first(marks is not None and _is_made(path, values, marks)):
        emit(Warning_(message=_size_message(role, count, values)))
        batch_of = batches.of_class if role == "class" else batches.of_instances

        def compute(numbers: Sequence[int]) -> Tensor:
            batch = batch_of(numbers)
            return predictions(batch, predictions.prepare(batch)).cpu()

        rows = _told(processes.each(compute, _passes(count, size_of, batches.batch_size)), count, emit)
        if marks is not None:
            _write_bank(path, values, rows, marks)
        else:
            deque(rows, maxlen=0)
        processes.wait()
    return PredictionBank(path, shapes, role)


def _is_made(path: Path, values: int, marks: NDArray[np.float32]) -> bool:
    """Whether there is a bank of so many values that ends with these marks."""
    if not path.exists():
        return False
    kept = np.load(path, mmap_mode="r")
    return kept.shape == (values + MARKS,) and np.array_equal(kept[values:], marks)


def _write_bank(path: Path, values: int, rows: Iterable[Tensor], marks: NDArray[np.float32]) -> None:
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        header = {"descr": FLOAT.str, "fortran_order": False, "shape": (values + MARKS,)}
        np.lib.format.write_array_header_1_0(file, header)  # pyright: ignore[reportUnknownMemberType]
        for each in rows:
            file.write(np.asarray(each).tobytes())
        file.write(marks.tobytes())


def _passes(count: int, size_of: Callable[[int], Size], most: int) -> list[list[int]]:
    """The numbers below `count` in order, up to `most` of one size at a time. size_of: of a number."""
    found: list[list[int]] = []
    for _, run in groupby(range(count), size_of):
        same_size = list(run)
        found += [same_size[k : k + most] for k in range(0, len(same_size), most)]
    return found


def _latents_of(size: Size) -> Shape:
    return (4, size[1] // 8, size[0] // 8)


def _starts(shapes: Sequence[Shape]) -> list[int]:
    """Where each begins if one follows another, and where the last one ends."""
    return [0, *accumulate(map(math.prod, shapes))]


def _told(rows: Iterable[Tensor], size: int, emit: Callable[[Event], None]) -> Iterator[Tensor]:
    """The predictions for so many examples, in batches; how far they are is told."""
    done = 0
    for each in rows:
        emit(Phase(name="precomputing prior predictions", done=done, total=size))
        done += len(each)
        yield each
    emit(Phase(name="precomputing prior predictions", done=size, total=size))


def _size_message(role: Role, count: int, values: int) -> str:
    which = "" if role == "class" else " outside of masks"
    return (
        f"{count:,} prior predictions{which} are precomputed before training; they take "
        f"{values * FLOAT.itemsize / 1e6:,.1f} MB in the run folder until the run is finished."
    )


def stored_targets(
    run: RunFolder,
    settings: Settings,
    model: DiffusionModel,
    batches: Batches,
    accelerator: Accelerator,
    emit: Callable[[Event], None],
    processes: Processes = ALONE,
) -> Sources:
    """Precomputed predictions, for methods that change the model's own weights; else none."""
    reading = trained_reading(settings)

    def bank(path: Path, role: Role) -> PredictionBank:
        predictions = BasePredictions(model, nullcontext, accelerator.autocast, role=role, reading=reading)
        return prediction_bank(path, settings, model, batches, predictions, emit, role, processes)

    return Sources(
        prior=bank(run.prior_bank, "class") if settings.has_prior_bank() and batches.has_classes else None,
        outside=bank(run.outside_bank, "instance") if settings.has_outside_bank() else None,
    )


def all_targets(
    stored: Sources,
    settings: Settings,
    model: DiffusionModel,
    untrained: Callable[[], AbstractContextManager[Any]],
    accelerator: Accelerator,
    bring_back: BringBack,
    has_classes: bool,
) -> Sources:
    """Those that are stored, and for other methods predictions at each step. untrained: as in `BasePredictions`."""
    reading = trained_reading(settings)

    def predictions(role: Role) -> BasePredictions:
        return BasePredictions(model, untrained, accelerator.autocast, bring_back, role, reading)

    from_model = settings.prior.is_predicted and has_classes
    return Sources(
        prior=stored.prior or (predictions("class") if from_model else None),
        outside=stored.outside or (predictions("instance") if settings.holds_outside() else None),
    )
