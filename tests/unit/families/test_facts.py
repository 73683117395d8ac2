"""The parameter counts of the VRAM estimate, counted on modules of full size without weights."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from sd_finetune.families.family import Family, Modules, family_called, target_layers
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.table import FAMILIES
from sd_finetune.formats.hypernetwork import HypernetworkShape
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.hypernetwork import Hypernetwork, context_widths
from sd_finetune.settings.algorithms import ALGORITHMS as COUNTED
from sd_finetune.settings.algorithms import Form

FULL_SIZE: dict[str, Any] = {"sd1": SD15, "sdxl": SDXL_BASE}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return family_called(request.param)


@pytest.fixture(scope="module")
def modules(family: Family) -> Modules:
    return family.empty_modules(FULL_SIZE[family.facts.name])


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_modules_have_as_many_parameters(family: Family, modules: Modules) -> None:
    counts = {part: parameters(module) for part, module in modules.by_part().items()}
    memory = family.facts.memory
    assert (counts.pop("unet"), counts.pop("vae")) == (memory.unet, memory.vae)
    assert sum(counts.values()) == memory.text_encoders


KINDS = {
    "unet": (False, ("attention", "mlp")),
    "text encoders": (True, ("attention", "mlp")),
    "convolutions": (False, ("convolutions",)),
    "rest": (False, ("rest",)),
}


def told(family: Family, which: str, algorithm: str, form: Form, dora: bool = False) -> int:
    """By the family's table of layers, how many values there are beside some of them."""
    of_text, kinds = KINDS[which]
    chosen = [each for each in family.facts.memory.lora_layers if each.of_text == of_text and each.kind in kinds]
    count = COUNTED[algorithm].count
    return sum(n * (count(size, form) + dora * size.into) for each in chosen for n, size in each.sizes())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", [Form(4), Form(2, factor=8), Form(4, full_matrix=True), Form(2, decompose_both=True)])
def test_layers_of_every_kind_and_algorithm_are_counted(
    family: Family, modules: Modules, algorithm: str, form: Form
) -> None:
    found, sizes = dict[str, int](), dict[str, int]()
    for part in family.facts.trainable_parts:
        for path, original in target_layers(modules.by_part()[part]).items():
            kind = family.layer_kind(part, path)
            if kind is None:
                continue
            which = "text encoders" if part != "unet" else "unet" if kind in KINDS["unet"][1] else kind
            alike = repr(original)  # of which there are hundreds, and each is drawn slowly without values
            if alike not in sizes:
                with torch.device("meta"):
                    layer = ALGORITHMS[algorithm].layer(original, form, 1.0, cast("Any", None), decomposed=True)
                sizes[alike] = parameters(cast("Any", layer))
            found[which] = found.get(which, 0) + sizes[alike]
    assert found == {which: told(family, which, algorithm, form, dora=True) for which in KINDS}


def test_a_lora_has_as_many_parameters_for_each_rank(family: Family, modules: Modules) -> None:
    counts: dict[str, int] = {}
    for part in family.facts.trainable_parts:
        with torch.device("meta"):
            targets = family.lora_targets(part, modules.by_part()[part])
            network = new_adapter_network(targets, ALGORITHMS["lora"], 2, 2, cast("Any", None))
        counts[part] = parameters(network)
    assert counts.pop("unet") == told(family, "unet", "lora", Form(2))
    assert sum(counts.values()) == told(family, "text encoders", "lora", Form(2))


def test_so_have_its_layers_beside_convolutions(family: Family, modules: Modules) -> None:
    usual, whole = (family.lora_targets("unet", modules.unet, convolutions) for convolutions in (False, True))
    more = {path: layer for path, layer in whole.items() if path not in usual}
    with torch.device("meta"):
        network = new_adapter_network(more, ALGORITHMS["lora"], 2, 2, cast("Any", None))
    assert parameters(network) == told(family, "convolutions", "lora", Form(2))
    assert len(more) == {"sd1": 86, "sdxl": 66}[family.facts.name]


def test_a_hypernetwork_has_as_many_parameters(family: Family, modules: Modules) -> None:
    with torch.device("meta"):
        network = Hypernetwork(modules.unet, HypernetworkShape(), context_widths(modules.unet))
    assert parameters(network) == family.facts.memory.hypernetwork
