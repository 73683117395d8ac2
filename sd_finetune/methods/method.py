"""The protocol of a training method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..optimizers.parameter_group import ParameterGroup
from ..settings.options import Settings


class Method(Protocol):
    """One training method: what is trained and what is saved. The loop does everything else.

    Construction attaches it: from then on the model's forward pass includes what is trained, and only that has
    `requires_grad`. `model` has the modules of the checkpoint `base`, on the device that trains.
    """

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None: ...

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        """Raise UserError if the settings, such as the file to continue from, do not fit the model.

        Called first of all, since class images are generated before construction, which takes long.
        """
        ...

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """Warnings about the prompts of the training images.

        Raises:
            UserError: training with them would change nothing.
        """
        return []

    @classmethod
    def class_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """Warnings about the prompts of the class images."""
        return []

    @classmethod
    def result_warnings(cls, base: Checkpoint) -> list[str]:
        """Warnings about what the result will not have of the checkpoint `base`."""
        return []

    networks: Mapping[str, nn.Module]
    """What is attached to the modules of the model, by part; empty if the model's own weights are trained."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """The trained parameters, in a fixed order, each exactly once."""
        ...

    def trained_tensors(self) -> dict[str, Tensor]:
        """The trained tensors by name, for a snapshot; they share memory with the parameters."""
        ...

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the tensors of a snapshot."""
        ...

    def after_step(self) -> None:
        """Called when the optimizer has made a step."""

    def write(self, path: Path, metadata: Mapping[str, str], precision: str, number: int = 0) -> None:
        """Write the result, its weights in `precision` ("fp16" | "bf16" | "fp32").

        number: of the result, in the order of `settings.result_files.result_files`.

        Raises:
            NotFiniteError: a weight is not finite in it.
        """
        ...

    def detach(self) -> None:
        """Detach everything that construction attached.

        A method that trains the model's own weights keeps them as trained, and freezes them.
        """
        ...

    def untrained(self) -> AbstractContextManager[None]:
        """The model as it was before construction, while the block runs.

        Only for methods that do not change the model's own weights (`MethodFacts.changes_weights`).
        """
        ...


def copy_into(parameters: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into `parameters` of the same names.

    Raises:
        ValueError: the names differ, so this is another method's or another model's snapshot.
    """
    if parameters.keys() != tensors.keys():
        different = sorted(parameters.keys() ^ tensors.keys())
        raise ValueError(f"the snapshot does not fit these settings: it differs in {', '.join(different[:5])}")
    for name, parameter in parameters.items():
        parameter.data.copy_(tensors[name])


def trained_parts(model: DiffusionModel, settings: Settings) -> tuple[str, ...]:
    """The UNet, and the text encoders where they are trained too."""
    parts = model.family.facts.trainable_parts
    return parts if settings.train.train_text_encoder else parts[:1]


def weight_format(settings: Settings) -> torch.dtype:
    """The number format that trained weights are held in."""
    return torch.bfloat16 if settings.train.weights == "bf16" else torch.float32


def learning_rate_of(part: str, settings: Settings) -> float:
    """The learning rate that training starts with, of a part of the model."""
    return settings.rates(part).first
