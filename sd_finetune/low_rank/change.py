"""The change of one layer's weight, as a LoRA file has it. An algorithm is a subclass, in a file of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor

from ..settings.algorithms import ALGORITHMS, Form

if TYPE_CHECKING:
    from typing_extensions import Self


def endings_of(algorithm: str, *fields: str) -> dict[str, str]:
    """What follows the layer's name in a file, by field; in the order of the algorithm's row."""
    return dict(zip(fields, ALGORITHMS[algorithm].endings, strict=True))


class Change(ABC):
    """Tensors that amount to a change of a weight, each a product in which they are all linear. A frozen dataclass."""

    ENDINGS: ClassVar[Mapping[str, str]]
    """What follows the layer's name in a file, by field."""
    PAIRS: ClassVar[tuple[tuple[str, str], ...]]
    """Fields of matrices whose product has the rank: (out, rank) and (rank, in)."""
    NEEDED: ClassVar[tuple[str, ...]]
    """Fields that every file has."""

    alpha: float

    @property
    @abstractmethod
    def rank(self) -> int:
        """0 where nothing has one, which leaves the change as it is, whatever alpha is."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Of the change as a matrix: outputs, and inputs times the places of a kernel."""

    @abstractmethod
    def product(self) -> Tensor:
        """The change of the weight as a matrix before it is scaled, in the precision of the tensors."""

    @abstractmethod
    def fault(self) -> str:
        """What of its tensors' sizes does not fit together, as the rest of a sentence; "" if nothing."""

    @classmethod
    @abstractmethod
    def new(cls, shape: Sequence[int], form: Form, alpha: float, generator: torch.Generator) -> Self:
        """Initial values beside a weight of `shape` (out, in[, height, width]), whose product is 0; float32."""

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], alpha: float | None = None) -> Self:
        """Of tensors by their endings in a file; without alpha, that is the rank.

        Raises:
            ValueError: they are not those of the algorithm; says why, as the rest of a sentence.
        """
        missing = [cls.ENDINGS[field] for field in cls.NEEDED if cls.ENDINGS[field] not in tensors]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        fields: dict[str, Any] = {field: tensors.get(ending) for field, ending in cls.ENDINGS.items()}
        made = cast("Any", cls)(**fields, alpha=0.0 if alpha is None else alpha)
        fault = made.fault()
        if fault:
            raise ValueError(fault)
        return replace(made, alpha=float(made.rank)) if alpha is None else made

    @property
    def scale(self) -> float:
        """Factor of the product."""
        return self.alpha / self.rank if self.rank else 1.0

    def tensors(self) -> dict[str, Tensor]:
        """Those that there are, by field."""
        values = ((field, getattr(self, field)) for field in self.ENDINGS)
        return {field: value for field, value in values if value is not None}

    def file_tensors(self) -> dict[str, Tensor]:
        """The tensors by what follows the layer's name in a file."""
        return {self.ENDINGS[field]: value.detach() for field, value in self.tensors().items()}

    def float(self) -> Self:
        """The same in float32."""
        return self.with_tensors({field: value.float() for field, value in self.tensors().items()})

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """The same with other values for some fields."""
        return replace(cast("Any", self), **tensors)

    def change_of(self, weight: Tensor) -> Tensor:
        """What it adds to `weight`, in that shape; in float32, or in the weight's precision if that is more."""
        precise = torch.promote_types(weight.dtype, torch.float32)
        exact = self.with_tensors({field: value.to(weight.device, precise) for field, value in self.tensors().items()})
        return exact.scaled_product().reshape(weight.shape)

    def norm(self) -> Tensor:
        """The Frobenius norm of the change, float32."""
        return self.float().scaled_product().square().sum().sqrt()

    def scaled_product(self) -> Tensor:
        """The change of the weight as a matrix, in the precision of the tensors."""
        product = self.product()
        return product if self.scale == 1 else product * self.scale
