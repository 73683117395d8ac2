"""The parameter counts of the VRAM estimate, counted on modules of full size without weights."""

from __future__ import annotations

import pytest
import torch

from sd_finetune.families.family import Modules
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.families.sd1.family import FAMILY
from sd_finetune.formats.hypernetwork import HypernetworkShape
from sd_finetune.networks.adapter import new_adapter_network
from sd_finetune.networks.algorithms import ALGORITHMS
from sd_finetune.networks.hypernetwork import Hypernetwork, context_widths


@pytest.fixture(scope="module")
def modules() -> Modules:
    return FAMILY.empty_modules(SD15)


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_modules_have_as_many_parameters(modules: Modules) -> None:
    counts = {part: parameters(module) for part, module in modules.by_part().items()}
    assert counts == {"unet": SD1.memory.unet, "vae": SD1.memory.vae, "text_encoder": SD1.memory.text_encoders}


def test_a_lora_has_as_many_parameters_for_each_rank(modules: Modules) -> None:
    expected = {"unet": SD1.memory.unet_lora_per_rank, "text_encoder": SD1.memory.text_encoders_lora_per_rank}
    for part, count in expected.items():
        targets = FAMILY.lora_targets(part, modules.by_part()[part])
        network = new_adapter_network(targets, ALGORITHMS["lora"], 2, 2, torch.Generator())
        assert parameters(network) == 2 * count


def test_a_hypernetwork_has_as_many_parameters(modules: Modules) -> None:
    with torch.device("meta"):
        network = Hypernetwork(modules.unet, HypernetworkShape(), context_widths(modules.unet))
    assert parameters(network) == SD1.memory.hypernetwork
