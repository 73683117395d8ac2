"""Adapter layers against lycoris-lora 3.4.0, the program whose format LoHa, LoKr and DoRA have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.low_rank.table import read_change
from sd_finetune.networks.adapter import AdapterNetwork
from sd_finetune.networks.algorithms import ALGORITHMS
from sd_finetune.settings.algorithms import Form
from tests.toy import relative_error

lycoris = pytest.importorskip("lycoris.modules.locon", reason="lycoris-lora is not installed")
from lycoris.modules.loha import LohaModule  # noqa: E402
from lycoris.modules.lokr import LokrModule  # noqa: E402

MODULES: dict[str, Callable[..., Any]] = {
    "lora": partial(lycoris.LoConModule),
    "loha": partial(LohaModule),
    "lokr": partial(LokrModule),
}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(24, 40),
    "1x1": lambda: nn.Conv2d(24, 40, 1),
    "3x3": lambda: nn.Conv2d(24, 40, 3, stride=2, padding=1),
}
FORMS: dict[str, tuple[str, Form]] = {
    "lora": ("lora", Form(4)),
    "loha": ("loha", Form(3)),
    "lokr": ("lokr", Form(2)),
    "lokr, factor": ("lokr", Form(2, factor=4)),
    "lokr, factor that does not divide": ("lokr", Form(2, factor=7)),
    "lokr, full matrix": ("lokr", Form(2, full_matrix=True)),
    "lokr, both": ("lokr", Form(1, decompose_both=True)),
    "lokr, a rank that saves nothing": ("lokr", Form(30)),
}
ROW = pytest.mark.parametrize("row", FORMS)
LAYER = pytest.mark.parametrize("kind", LAYERS)
DORA = pytest.mark.parametrize("dora", [False, True], ids=["plain", "dora"])


def some_input(kind: str) -> Tensor:
    shape = (2, 5, 24) if kind == "linear" else (2, 24, 6, 6)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def theirs_for(layer: nn.Module, row: str, dora: bool, alpha: float, **more: Any) -> Any:
    algorithm, form = FORMS[row]
    return MODULES[algorithm](
        "x", layer, lora_dim=form.rank, alpha=alpha, factor=form.factor or -1, full_matrix=form.full_matrix,
        decompose_both=form.decompose_both, weight_decompose=dora, wd_on_out=False, **more,
    )  # fmt: skip


def attached(layer: nn.Module, row: str, dora: bool, alpha: float) -> Any:
    algorithm, form = FORMS[row]
    made = ALGORITHMS[algorithm].layer(layer, form, alpha, torch.Generator().manual_seed(0), dora)
    AdapterNetwork({"layer": layer}, {"layer": made}).attach()
    return made


def perturbed(made: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    for value in made.parameters():
        value.data += 0.2 * torch.randn(value.shape, generator=generator)


def values_of(module: Any) -> dict[str, Tensor]:
    return {name: value for name, value in module.custom_state_dict().items() if name != "alpha"}


@ROW
@LAYER
@DORA
def test_the_same_tensors_give_the_same_output(row: str, kind: str, dora: bool) -> None:
    torch.manual_seed(0)
    layer, x = LAYERS[kind](), some_input(kind)
    theirs = theirs_for(layer, row, dora, 1.5)
    made = attached(layer, row, dora, 1.5)
    perturbed(made)
    tensors = made.file_tensors()
    own = values_of(theirs)
    assert {name: value.shape for name, value in tensors.items()} == {name: value.shape for name, value in own.items()}
    for name, value in tensors.items():
        if name.startswith("lora_"):
            getattr(theirs, name.partition(".")[0]).weight.data.copy_(value)
        else:
            getattr(theirs, name).data.copy_(value)
    found = layer(x)
    del layer.forward
    theirs.org_forward = layer.forward
    expected = theirs(x)
    assert relative_error(found, expected) < 2e-6
    assert relative_error(found, layer(x)) > 1e-2
    change = read_change(tensors, made.alpha)
    assert change is not None
    whole = theirs.get_merged_weight(multiplier=1, shape=layer.weight.shape)[0] if not _scales_twice(row) else None
    if whole is not None:
        assert relative_error(layer.weight + change.change_of(layer.weight), whole) < 2e-6


def _scales_twice(row: str) -> bool:
    """Their `get_merged_weight` multiplies LoHa and LoKr by the scale twice, which their forward pass does not."""
    return FORMS[row][0] != "lora"


@ROW
@LAYER
def test_it_begins_with_as_much(row: str, kind: str) -> None:
    """Of each tensor the same spread; and together as many values as its row says."""
    algorithm, form = FORMS[row]
    torch.manual_seed(0)
    layer = nn.Linear(480, 640) if kind == "linear" else nn.Conv2d(480, 640, 1 if kind == "1x1" else 3)
    theirs = values_of(theirs_for(layer, row, False, 1.5))
    ours = ALGORITHMS[algorithm].layer(layer, form, 1.5, torch.Generator().manual_seed(0)).file_tensors()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value.shape == theirs[name].shape
        assert float(value.std()) == pytest.approx(float(theirs[name].std()), rel=0.25, abs=0), name


@ROW
def test_rank_stabilized_files_amount_to_the_same(row: str) -> None:
    layer = nn.Linear(24, 40)
    theirs, (_, form) = theirs_for(layer, row, False, 1.5, rs_lora=True), FORMS[row]
    change = read_change(values_of(theirs), 1.5 * form.rank**0.5)
    assert change is not None
    if change.rank:
        assert change.alpha / change.rank == pytest.approx(theirs.scale)


@pytest.mark.parametrize("algorithm", MODULES)
@DORA
def test_tucker_s_form_is_read(algorithm: str, dora: bool) -> None:
    torch.manual_seed(0)
    layer, x = LAYERS["3x3"](), some_input("3x3")
    theirs = MODULES[algorithm](
        "x", layer, lora_dim=3, alpha=1.5, use_tucker=True, factor=4, weight_decompose=dora, wd_on_out=False
    )
    perturbed(theirs)
    change = read_change(values_of(theirs), 1.5)
    assert change is not None
    expected = theirs(x)
    layer.weight.data += change.change_of(layer.weight.data)
    assert relative_error(layer(x), expected) < 2e-6


@LAYER
def test_sizes_of_outputs_are_read_too(kind: str) -> None:
    """As lycoris writes them where nothing else is asked for; the WebUI misreads these."""
    torch.manual_seed(0)
    layer, x = LAYERS[kind](), some_input(kind)
    theirs = lycoris.LoConModule("x", layer, lora_dim=3, alpha=1.5, weight_decompose=True)
    perturbed(theirs)
    change = read_change(values_of(theirs), 1.5)
    assert change is not None
    expected = theirs(x)
    layer.weight.data += change.change_of(layer.weight.data)
    assert relative_error(layer(x), expected) < 2e-6
