"""A new word and a LoRA for a model with two text encoders, from a run to the file and on from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sd_finetune.errors import UserError
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from sd_finetune.runs.messages import Saved
from sd_finetune.training.loop import train
from tests.toy import (
    CHECKPOINTS,
    Toy,
    assert_same_outcome,
    events_of,
    make_toy,
    stopped_and_resumed,
    trained,
    worst_error,
)

WORD: dict[str, Any] = {
    "method": "textual_inversion",
    "textual_inversion.word": "zib-7",
    "textual_inversion.vectors": 2,
    "textual_inversion.initial_text": "star",
    "textual_inversion.template": "instance_prompt",
    "concepts.instance_prompt": "a photo of [name]",
}
LORA: dict[str, Any] = {"method": "lora", "train.train_text_encoder": True}


@pytest.fixture
def xl(tmp_path: Path) -> Toy:
    return make_toy(tmp_path, **CHECKPOINTS["sdxl, v"])


@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_a_word_learns_in_both_text_encoders(xl: Toy, form: str) -> None:
    changes = {**WORD, "textual_inversion.format": form}
    training = xl.prepare(changes)
    before = trained(training)
    assert {name: own.shape for name, own in before.items()} == {
        "embedding.vectors": (2, 32), "embedding.text_encoder_2.vectors": (2, 48),
    }  # fmt: skip
    train(training)
    after = trained(training)
    assert all(not torch.equal(after[name], own) for name, own in before.items())
    (saved,) = events_of(training.run, Saved)
    found = read_embedding(Path(saved.path))
    assert torch.equal(found.vectors["clip_l"], after["embedding.vectors"])
    assert torch.equal(found.vectors["clip_g"], after["embedding.text_encoder_2.vectors"])
    assert found.metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert found.metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/textual-inversion"
    again = {**changes, "base.continue_from": saved.path, "textual_inversion.initial_text": ""}
    assert worst_error(trained(xl.prepare(again)), after) == 0


def test_a_stopped_word_goes_on_to_the_bit(xl: Toy) -> None:
    changes = {**WORD, "train.length": "3 steps"}
    assert_same_outcome(xl.train(changes), stopped_and_resumed(xl, changes, 2))


def test_an_embedding_of_one_text_encoder_is_not_continued(xl: Toy, tmp_path: Path) -> None:
    for name, width in (("clip_l", 32), ("clip_g", 48)):
        save_file({name: torch.ones(2, width)}, tmp_path / f"{name}.safetensors")
        with pytest.raises(
            UserError, match=rf"has vectors for {name} alone, but this checkpoint needs them for 2 text"
        ):
            xl.prepare({**WORD, "base.continue_from": str(tmp_path / f"{name}.safetensors")})
    both = {"clip_l": torch.ones(3, 32), "clip_g": torch.ones(3, 48)}
    save_file(both, tmp_path / "both.safetensors")
    with pytest.raises(UserError, match=r"has 3 vectors, but .* set textual_inversion\.vectors = 3 to continue from"):
        xl.prepare({**WORD, "base.continue_from": str(tmp_path / "both.safetensors")})


def test_a_lora_of_all_parts_has_its_file_its_metadata_and_its_card(xl: Toy) -> None:
    training = xl.train(LORA)
    (saved,) = events_of(training.run, Saved)
    modules, about = read_lora(Path(saved.path))
    starts = {name.partition("_text_model")[0] for name in modules if "_te" in name}
    assert starts == {"lora_te1", "lora_te2"}
    assert "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q" in modules
    expected = {
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_v2": "False",
        "ss_zero_terminal_snr": "True",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.prediction_type": "v",
    }
    assert about.items() >= expected.items()
    with safe_open(saved.path, "pt") as file:
        assert len(file.metadata()["sshs_model_hash"]) == 64
    assert json.loads(Path(saved.path).with_suffix(".json").read_text())["sd version"] == "SDXL"
    again = trained(xl.prepare({**LORA, "base.continue_from": saved.path}))
    assert worst_error(again, trained(training)) < 1e-6


def test_a_lora_is_continued_from_a_file_with_diffusers_names(xl: Toy, tmp_path: Path) -> None:
    own = {
        "lora_unet_mid_block_attentions_0_proj_in": LoraModule(torch.ones(4, 32), torch.ones(32, 4), 2.0),
        "lora_unet_middle_block_1_proj_out": LoraModule(torch.ones(4, 32), torch.ones(32, 4), 2.0),
    }
    write_lora(tmp_path / "other.safetensors", own, {}, "fp32")
    found = trained(xl.prepare({"base.continue_from": str(tmp_path / "other.safetensors")}))
    for layer in ("proj_in", "proj_out"):
        assert torch.equal(found[f"unet.mid_block.attentions.0.{layer}.up"], torch.ones(32, 4))


def test_a_hypernetwork_is_for_its_own_family(xl: Toy) -> None:
    training = xl.train({"method": "hypernetwork"})
    (saved,) = events_of(training.run, Saved)
    assert sorted(key for key in torch.load(saved.path, weights_only=True) if isinstance(key, int)) == [32, 80]
    again = xl.prepare({"method": "hypernetwork", "base.continue_from": saved.path})
    assert worst_error(trained(again), trained(training)) == 0
