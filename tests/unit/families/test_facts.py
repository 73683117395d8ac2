"""The parameter counts of the VRAM estimate, counted on modules of full size without weights."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from sd_finetune.families.family import Family, Modules, family_called
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.table import FAMILIES
from sd_finetune.formats.hypernetwork import HypernetworkShape
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.hypernetwork import Hypernetwork, context_widths

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


def test_a_lora_has_as_many_parameters_for_each_rank(family: Family, modules: Modules) -> None:
    counts: dict[str, int] = {}
    for part in family.facts.trainable_parts:
        with torch.device("meta"):
            targets = family.lora_targets(part, modules.by_part()[part])
            network = new_adapter_network(targets, ALGORITHMS["lora"], 2, 2, cast("Any", None))
        counts[part] = parameters(network)
    memory = family.facts.memory
    assert counts.pop("unet") == 2 * memory.unet_lora_per_rank
    assert sum(counts.values()) == 2 * memory.text_encoders_lora_per_rank


def test_so_have_its_layers_beside_convolutions(family: Family, modules: Modules) -> None:
    usual, whole = (family.lora_targets("unet", modules.unet, convolutions) for convolutions in (False, True))
    more = {path: layer for path, layer in whole.items() if path not in usual}
    with torch.device("meta"):
        network = new_adapter_network(more, ALGORITHMS["lora"], 2, 2, cast("Any", None))
    assert parameters(network) == 2 * family.facts.memory.unet_lora_conv_per_rank
    assert len(more) == {"sd1": 86, "sdxl": 66}[family.facts.name]


def test_a_hypernetwork_has_as_many_parameters(family: Family, modules: Modules) -> None:
    with torch.device("meta"):
        network = Hypernetwork(modules.unet, HypernetworkShape(), context_widths(modules.unet))
    assert parameters(network) == family.facts.memory.hypernetwork
