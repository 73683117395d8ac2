"""What the training loop asks of a method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from ..families.parts import ModelParts
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

    Construction attaches it: from then on the parts' forward pass includes what is trained, and only that has
    `requires_grad`. `parts` are the modules of the checkpoint `base`, on the device they train on.
    """

    def __init__(self, parts: ModelParts, settings: Settings, base: Checkpoint) -> None: ...

    @classmethod
    def check(cls, parts: ModelParts, settings: Settings, base: Checkpoint) -> None:
        """Raise UserError if what the settings name, such as a file to go on from, does not fit the model.

        Asked first of all, as the class pictures that are drawn before construction take long.
        """
        ...

    @classmethod
    def ending(cls, settings: Settings) -> str:
        """Of the file that it writes, ".safetensors" or ".pt"."""
        ...

    networks: Mapping[str, nn.Module]
    """What it put beside or before the modules of the parts, by part; empty where it trains the parts themselves."""

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
        """Take everything off the parts again that construction put on them.

        A method that trains the parts themselves leaves what they have learnt, and stops their learning.
        """
        ...

    def untrained(self) -> AbstractContextManager[None]:
        """The parts as they were before construction, for as long as the block runs.

        Only of methods that leave the parts' own weights alone (`MethodFacts.changes_weights`).
        """
        ...


class Detachable(Protocol):
    """A network beside or before a model's layers."""

    def detached(self) -> AbstractContextManager[None]:
        """The model without it, for as long as the block runs."""
        ...


@contextmanager
def all_detached(networks: Iterable[Detachable]) -> Iterator[None]:
    """The model without any of the networks, for as long as the block runs."""
    with ExitStack() as stack:
        for network in networks:
            stack.enter_context(network.detached())
        yield


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
