"""Which layers a LoRA stands beside, with which ranks and learning rates, and how far it may go from the base."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.formats.known_base import memory_of
from sd_finetune.runs.messages import Step
from sd_finetune.training.state import Training
from sd_finetune.vram.lora_parameters import lora_parameters
from tests.toy import ALGORITHMS, Toy, events_of

TEXT = {"train.train_text_encoder": True}
PROJECTIONS = {f"attn{n}.{to}" for n in (1, 2) for to in ("to_q", "to_k", "to_v", "to_out.0")}


def ranks_of(training: Training) -> dict[str, int]:
    return {
        f"{part}.{path}": layer.rank
        for part, network in training.method.networks.items()
        for path, layer in network.named_layers()  # type: ignore[attr-defined]
    }


def test_attention_alone(toy: Toy) -> None:
    found = ranks_of(toy.prepare({"lora.targets": "attention", **TEXT}))
    unet = [name for name in found if name.startswith("unet.")]
    assert {name.partition("transformer_blocks.0.")[2] for name in unet} == PROJECTIONS
    assert {name.rpartition(".")[2] for name in found if name not in unet} == {"q_proj", "k_proj", "v_proj", "out_proj"}


def test_every_layer_of_the_unet(toy: Toy) -> None:
    training = toy.prepare({"lora.targets": "all", "lora.rank": 4})
    layers = {
        name
        for name, layer in training.model.unet.named_modules()
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))
    }
    assert ranks_of(training) == {f"unet.{name}": 4 for name in layers}
    found = ranks_of(toy.prepare({"lora.targets": "all", "lora.rank": 4, "lora.conv_rank": 2}))
    assert found["unet.conv_in"] == found["unet.mid_block.resnets.0.conv1"] == 2
    assert found["unet.mid_block.attentions.0.proj_in"] == 4


def test_those_that_a_pattern_finds(toy: Toy) -> None:
    asked = {"lora.targets": "pattern", "lora.pattern": r"attn2\.to_[kv]$|resnets.*conv1|mlp\.fc1", **TEXT}
    found = ranks_of(toy.prepare(asked))
    assert {name.rpartition(".")[2] for name in found} == {"to_k", "to_v", "conv1", "fc1"}
    with pytest.raises(UserError, match=r"leave no layer to train"):
        toy.prepare({"lora.targets": "pattern", "lora.pattern": "nothing"})


def test_blocks_have_ranks_of_their_own(toy: Toy) -> None:
    """The longest beginning counts; alpha is the same share of each."""
    asked = {"lora.block_ranks": "up_blocks = 0, up_blocks.1.attentions.0 = 6, mid_block=2, text_encoder = 1", **TEXT}
    training = toy.prepare({**asked, "lora.rank": 4, "lora.alpha": 2})
    found = ranks_of(training)
    by_block = {
        "unet.up_blocks.1.attentions.0.": 6, "unet.up_blocks.": 0, "unet.mid_block.": 2, "text_encoder.": 1, "unet.": 4,
    }  # fmt: skip
    for name, rank in found.items():
        assert rank == next(own for start, own in by_block.items() if name.startswith(start)), name
    assert {rank for rank in by_block.values() if rank} == set(found.values())
    layers = [layer for network in training.method.networks.values() for _, layer in network.named_layers()]  # type: ignore[attr-defined]
    assert {layer.scale for layer in layers} == {0.5}
    with pytest.raises(UserError, match=r"names down_blocks\.9, which no layer of this checkpoint begins with"):
        toy.prepare({"lora.block_ranks": "down_blocks.9 = 2"})


def test_blocks_have_learning_rates_of_their_own(toy: Toy) -> None:
    asked = {"lora.block_rates": "mid_block = 0.5, text_encoder = 2", "lora.plus_ratio": 4, **TEXT}
    training = toy.train({**asked, "train.unet_learning_rate": 1e-3, "train.text_encoder_learning_rate": 1e-4})
    (rates, *_) = [event.learning_rates for event in events_of(training.run, Step)]
    assert rates == pytest.approx({
        "unet": 1e-3, "unet lora_up": 4e-3, "unet 0.5x": 5e-4, "unet 0.5x lora_up": 2e-3,
        "text_encoder 2x": 2e-4, "text_encoder 2x lora_up": 8e-4,
    })  # fmt: skip
    by_name = {group["name"]: group["params"] for group in training.optimizer.param_groups}
    middle = [
        value
        for path, layer in training.method.networks["unet"].named_layers()  # type: ignore[attr-defined]
        if path.startswith("mid_block.")
        for name, value in layer.trained().items()
        if name == "down"
    ]
    assert [id(value) for value in by_name["unet 0.5x"]] == [id(value) for value in middle]


@pytest.mark.parametrize("row", [{}, *ALGORITHMS.values()], ids=["lora", *ALGORITHMS])
def test_no_change_is_larger_than_allowed(toy: Toy, row: dict[str, Any]) -> None:
    """kohya's: after each step the change of a weight is scaled down to the norm, and smaller ones stay as they are."""
    changes = {**row, "train.unet_learning_rate": 5e-2, "train.text_encoder_learning_rate": 5e-2}
    most = 0.02

    def norms(training: Training) -> list[float]:
        layers = [layer for network in training.method.networks.values() for _, layer in network.named_layers()]  # type: ignore[attr-defined]
        return [float(layer.change().scaled_product().detach().norm()) for layer in layers]

    free, held = norms(toy.train(changes)), norms(toy.train({**changes, "lora.max_norm": most}))
    assert max(free) > 2 * most
    assert max(held) == pytest.approx(most, rel=1e-4)
    loose = norms(toy.train({**changes, "lora.max_norm": 1000}))
    assert loose == free


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lora.targets": "pattern"}, r"lora\.pattern is empty"),
        ({"lora.targets": "pattern", "lora.pattern": "("}, "is not a regular expression"),
        ({"lora.block_ranks": "down_blocks 4"}, r'lora\.block_ranks = "down_blocks 4" is not valid'),
        ({"lora.block_ranks": "a = 4, a = 5"}, "is not valid"),
        ({"lora.block_ranks": "a = 0.5"}, "is out of range: use whole numbers from 0 to 1024"),
        ({"lora.block_rates": "a = 0"}, "is out of range: use numbers above 0, up to 100"),
        ({"lora.factor": 4}, r'lora\.factor = 4 is not for lora\.algorithm "lora", only for lokr: set it to 0'),
        ({"lora.algorithm": "loha", "lora.plus_ratio": 4}, r"lora\.plus_ratio = 4\.0 is not for .*, only for lora"),
        ({"lora.algorithm": "lokr", "lora.dropout": 0.1}, r"lora\.dropout = 0\.1 is not for"),
    ],
)
def test_what_contradicts_itself_is_refused(toy: Toy, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        toy.settings(changes)


CHOSEN: dict[str, dict[str, Any]] = {
    "usual": {},
    "text": {"train.train_text_encoder": True},
    "blocks": {
        "lora.block_ranks": "mid_block = 16, up_blocks.1 = 0, text_encoder = 2",
        "train.train_text_encoder": True,
    },
    "a pattern": {"lora.targets": "pattern", "lora.pattern": "mid_block.*(conv1|to_q)$", "lora.conv_rank": 3},
    "all": {"lora.targets": "all", "lora.conv_rank": 2, "lora.block_ranks": "down_blocks = 1"},
    "LoKr": {"lora.algorithm": "lokr", "lora.factor": 4, "lora.block_ranks": "mid_block = 1"},
    "DoRA": {"lora.dora": True, "lora.block_ranks": "mid_block = 1"},
}


@pytest.mark.parametrize("which", CHOSEN)
@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_the_estimate_counts_the_values_that_are_trained(toys: Callable[[str], Toy], kind: str, which: str) -> None:
    training = toys(kind).prepare(CHOSEN[which])
    trained = sum(value.numel() for value in training.method.trained_tensors().values())
    assert lora_parameters(training.settings, memory_of(training.settings)) == trained
