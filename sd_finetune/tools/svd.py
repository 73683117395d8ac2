"""LoRA layers as matrices: the change of one, and the nearest change of a lower rank.

A matrix's nearest one of rank r, in the Frobenius norm, has its r largest singular values and no others (Eckart and
Young 1936). The kept part of a change is given as a share of its Frobenius norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from ..errors import UserError
from ..low_rank.dora import Decomposed, StoredChange
from ..low_rank.lora import LoraModule
from ..low_rank.table import algorithm_of
from ..settings.algorithms import ALGORITHMS

OVERSAMPLING, POWER_ITERATIONS = 8, 6


class Truncation(NamedTuple):
    """A layer of lower rank, and the Frobenius norms of the original change and of the kept one."""

    module: LoraModule
    norm: float
    kept: float

    @property
    def share(self) -> float:
        """The kept share of the norm, 0 to 1."""
        return self.kept / self.norm if self.norm else 1.0


def share_of_all(truncations: Iterable[Truncation]) -> float:
    """The kept share of the norm of all changes together, 0 to 1."""
    rows = list(truncations)
    norm, kept = (
        sqrt(sum(value**2 for value in values)) for values in ([t.norm for t in rows], [t.kept for t in rows])
    )
    return kept / norm if norm else 1.0


def _qr(matrix: Tensor) -> tuple[Tensor, Tensor]:
    return cast("Any", torch.linalg).qr(matrix)


def _svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return cast("Any", torch.linalg).svd(matrix, full_matrices=False)


def norm(tensor: Tensor) -> float:
    """The Frobenius norm."""
    return float(cast("Any", tensor).norm())


def truncated(module: LoraModule, rank: int) -> Truncation:
    """The layer at `rank`, with the same scale alpha / rank.

    The large matrix up @ down is never computed: with up = Qu Ru and down^T = Qd Rd, its singular values are those of
    Ru Rd^T, which is as small as the old rank. Computed in float64, returned in float32.
    """
    up, down = module.up.double().flatten(1), module.down.double().flatten(1)
    left, from_up = _qr(up)
    right, from_down = _qr(down.T)
    u, values, v = _svd(from_up @ from_down.T)
    new_up, new_down = _factors(left @ u, values, v @ right.T, rank)
    scale = module.alpha / module.rank
    new = LoraModule(
        down=new_down.reshape(-1, *module.down.shape[1:]),
        up=new_up.reshape(*module.up.shape[:1], -1, *module.up.shape[2:]),
        alpha=scale * new_down.shape[0],
    )
    return Truncation(new, abs(scale) * norm(values), abs(scale) * norm(values[:rank]))


def plain_loras(called: str, modules: Mapping[str, StoredChange]) -> dict[str, LoraModule]:
    """The layers, of which each is a product of two matrices.

    Raises:
        UserError: one is of another kind; `called` is the file's name in the message.
    """
    found = {name: own for name, own in modules.items() if isinstance(own, LoraModule) and own.mid is None}
    other = next((name for name in modules if name not in found), "")
    if other:
        own = modules[other]
        kind = "DoRA" if isinstance(own, Decomposed) else ALGORITHMS[algorithm_of(own)].title
        kind = f"{kind} in Tucker's form" if isinstance(own, LoraModule) else kind
        raise UserError(
            f"{called} has layers, such as {other}, of the kind {kind}, whose rank cannot be reduced: merge it into a "
            "checkpoint (merge), and extract a LoRA of the rank that you want from that (extract)."
        )
    return found


def resized(modules: Mapping[str, LoraModule], rank: int) -> dict[str, Truncation]:
    """All layers of a LoRA at `rank`; those of that rank or a lower one are not changed."""
    smaller = {name: truncated(module, rank) for name, module in modules.items()}
    return {name: t if modules[name].rank > rank else t._replace(module=modules[name]) for name, t in smaller.items()}


def factored(change: Tensor, rank: int) -> Truncation:
    """A layer of `rank`, or of the change's own if that is smaller, that approximates `change`; alpha is its rank.

    change: (out, in[, height, width]). The singular values come from a random subspace that is turned towards the
    largest ones (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4); if the rank is half of the matrix's, it
    is the whole space, and the layer is the best approximation. float32.
    """
    matrix = change.float().flatten(1)
    space = _largest_subspace(matrix, min(2 * rank + OVERSAMPLING, *matrix.shape))
    u, values, v = _svd(space.T @ matrix)
    up, down = _factors(space @ u, values, v, rank)
    ones = (1,) * (change.dim() - 2)
    module = LoraModule(down.reshape(-1, *change.shape[1:]), up.reshape(*up.shape, *ones), float(len(down)))
    return Truncation(module, norm(matrix), norm(values[:rank]))


def _largest_subspace(matrix: Tensor, size: int) -> Tensor:
    """An orthonormal basis, (out, size), that nearly spans the largest left singular vectors."""
    start = torch.randn(matrix.shape[1], size, generator=torch.Generator().manual_seed(0))
    basis, _ = _qr(matrix @ start)
    for _ in range(POWER_ITERATIONS):
        other, _ = _qr(matrix.T @ basis)
        basis, _ = _qr(matrix @ other)
    return basis


def _factors(u: Tensor, values: Tensor, v: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """up (out, rank) and down (rank, in) with the same share of each singular value in both, float32."""
    roots = values[:rank].sqrt()
    return (u[:, :rank] * roots).float(), (roots[:, None] * v[:rank]).float()
