"""Changes of low rank against numpy's singular values, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sd_finetune.formats.lora import LoraModule
from sd_finetune.tools.svd import factored, resized, share_of_all, truncated
from tests.toy import relative_error


def some(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LAYERS = {
    "linear": LoraModule(some(6, 40), some(50, 6, seed=1), 1.5),
    "1x1": LoraModule(some(6, 40, 1, 1), some(50, 6, 1, 1, seed=1), 1.5),
    "3x3": LoraModule(some(6, 40, 3, 3), some(50, 6, 1, 1, seed=1), 1.5),
    "wider than its layer": LoraModule(some(30, 20), some(16, 30, seed=1), 9.0),
}
LAYER = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def by_hand(layer: LoraModule) -> np.ndarray:
    """alpha / rank * up @ down as a matrix, in float64."""
    up, down = (value.double().flatten(1).numpy() for value in (layer.up, layer.down))
    return layer.alpha / layer.down.shape[0] * up @ down


def nearest(matrix: np.ndarray, rank: int) -> np.ndarray:
    u, values, v = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * values[:rank] @ v[:rank]


@LAYER
def test_the_change_is_scaled_up_times_down(layer: LoraModule) -> None:
    change = layer.change_of(torch.zeros(layer.up.shape[0], *layer.down.shape[1:]))
    assert change.shape == (layer.up.shape[0], *layer.down.shape[1:])
    assert relative_error(change.flatten(1), torch.from_numpy(by_hand(layer))) < 1e-6


@LAYER
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_truncated_it_is_the_nearest_of_that_rank(layer: LoraModule, rank: int) -> None:
    found = truncated(layer, rank)
    expected = nearest(by_hand(layer), rank)
    assert found.module.down.shape == (rank, *layer.down.shape[1:])
    assert found.module.up.shape == (layer.up.shape[0], rank, *layer.up.shape[2:])
    assert relative_error(torch.from_numpy(by_hand(found.module)), torch.from_numpy(expected)) < 1e-6
    assert found.norm == pytest.approx(np.linalg.norm(by_hand(layer)), rel=1e-9)
    assert found.kept == pytest.approx(np.linalg.norm(expected), rel=1e-9)
    assert found.module.alpha / rank == pytest.approx(layer.alpha / layer.rank, rel=1e-12), "the scale is the same"


@LAYER
def test_at_its_own_rank_nothing_is_lost(layer: LoraModule) -> None:
    found = truncated(layer, layer.rank)
    assert relative_error(torch.from_numpy(by_hand(found.module)), torch.from_numpy(by_hand(layer))) < 1e-6
    assert found.share == pytest.approx(1)


def test_a_lora_keeps_its_lower_layers() -> None:
    low, high = LoraModule(some(2, 9), some(8, 2), 3.0), LoraModule(some(5, 9), some(8, 5), 3.0)
    found = resized({"low": low, "high": high}, 3)
    assert found["low"].module is low
    assert found["low"].share == pytest.approx(1)
    assert found["high"].module.rank == 3
    norms = np.array([np.linalg.norm(by_hand(layer)) for layer in (low, high)])
    kept = np.array([norms[0], np.linalg.norm(nearest(by_hand(high), 3))])
    assert share_of_all(found.values()) == pytest.approx(np.linalg.norm(kept) / np.linalg.norm(norms))
    assert 0.5 < found["high"].share < 0.999


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (24, 40, 1, 1)])
def test_a_change_of_full_rank_is_met(shape: tuple[int, ...]) -> None:
    change = some(*shape)
    found = factored(change, 24)
    assert found.module.alpha == found.module.rank == 24
    assert found.module.up.shape == (shape[0], 24, *shape[2:])
    assert found.module.down.shape == (24, *shape[1:])
    assert relative_error(torch.from_numpy(by_hand(found.module)), change.double().flatten(1)) < 1e-6
    assert found.share == pytest.approx(1, abs=1e-6)
    assert factored(change, 99).module.rank == 24, "not more than there is"


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_a_change_of_half_its_rank_is_the_nearest_there_is(shape: tuple[int, ...]) -> None:
    change = some(*shape)
    found = factored(change, 8)
    expected = nearest(change.double().numpy(), 8)
    assert relative_error(torch.from_numpy(by_hand(found.module)), torch.from_numpy(expected)) < 1e-5
    assert found.kept == pytest.approx(np.linalg.norm(expected), rel=1e-6)


def test_a_large_change_is_met_nearly_as_well_as_can_be() -> None:
    """Singular values that fall slowly, as those of real differences: the worst case of the random subspace."""
    u, _, v = np.linalg.svd(some(300, 200).double().numpy(), full_matrices=False)
    values = np.arange(1, 201) ** -0.5
    change = torch.from_numpy(u * values @ v)
    found = factored(change, 8)
    assert found.kept == pytest.approx(np.linalg.norm(values[:8]), rel=1e-3)
    left = np.linalg.norm(change.numpy() - by_hand(found.module))
    assert left == pytest.approx(np.linalg.norm(values[8:]), rel=1e-3)
    assert found.norm == pytest.approx(np.linalg.norm(values), rel=1e-6)


def test_a_change_of_low_rank_is_found_again() -> None:
    layer = LAYERS["linear"]
    found = factored(torch.from_numpy(by_hand(layer)), 6)
    assert relative_error(torch.from_numpy(by_hand(found.module)), torch.from_numpy(by_hand(layer))) < 1e-6
    assert found.share == pytest.approx(1, abs=1e-6)


def test_both_factors_have_their_share() -> None:
    """A small change must not become a product of a large and a tiny number, which fp16 could not hold."""
    module = factored(some(24, 40) * 1e-5, 8).module
    assert float(module.up.norm()) == pytest.approx(float(module.down.norm()), rel=1e-4)
