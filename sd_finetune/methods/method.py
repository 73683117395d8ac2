"""What the training loop asks of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from ..data.concepts import Example
from ..families.family import DiffusionModel
from ..formats.checkpoint import Checkpoint
from ..settings.options import Settings


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that learn at one rate. `name` ("unet", "text_encoder") is the name in events and metadata."""

    name: str
    parameters: list[nn.Parameter]
    learning_rate: float


class Method(Protocol):
    """One way of teaching a model: what is trained and what is written. The loop does everything else.

    Construction attaches it: from then on the model's forward pass includes what is trained, and only that has
    `requires_grad`. `model` holds the modules of the checkpoint `base`, on the device they train on.
    """

    def __init__(self, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None: ...

    @classmethod
    def check(cls, model: DiffusionModel, settings: Settings, base: Checkpoint) -> None:
        """Raise UserError if what the settings name, such as a file to go on from, does not fit the model.

        Asked first of all, as the class pictures that are drawn before construction take long.
        """
        ...

    @classmethod
    def instance_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """What a person should know of the training images' prompts before anything is trained.

        Raises:
            UserError: nothing would be learned from them.
        """
        return []

    @classmethod
    def class_warnings(cls, model: DiffusionModel, settings: Settings, examples: Sequence[Example]) -> list[str]:
        """The same about the class images' prompts."""
        return []

    @classmethod
    def ending(cls, settings: Settings) -> str:
        """Of the file that it writes, ".safetensors" or ".pt"."""
        ...

    networks: Mapping[str, nn.Module]
    """What it put beside or before the modules of the model, by part; empty where it trains the model's own."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """What is trained, in a fixed order; every trained parameter exactly once."""
        ...

    def trained_tensors(self) -> dict[str, Tensor]:
        """The trained values by name, for a snapshot; they share memory with the parameters."""
        ...

    def load_trained_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the values of a snapshot over."""
        ...

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the file that other programs load, in the precision that the settings ask for."""
        ...

    def detach(self) -> None:
        """Take everything off the model again that construction put on them.

        A method that trains the model themselves leaves what they have learnt, and stops their learning.
        """
        ...

    def untrained(self) -> AbstractContextManager[None]:
        """The model as they were before construction, for as long as the block runs.

        Only of methods that leave the parts' own weights alone (`MethodFacts.changes_weights`).
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


def learning_rate_of(part: str, settings: Settings) -> float:
    """The rate that the settings give a part of the model."""
    return settings.unet_learning_rate() if part == "unet" else settings.text_encoder_learning_rate()
