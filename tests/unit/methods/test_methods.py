from __future__ import annotations

import pytest
import torch

from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.lora import read_lora
from sd_finetune.methods import method_class
from sd_finetune.methods.method import copy_into
from sd_finetune.settings.methods import METHODS
from tests.toy import ROWS, Toy, trained

ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


@pytest.mark.parametrize("name", METHODS)
def test_each_is_where_the_table_says(name: str) -> None:
    assert method_class(name).__module__ == f"sd_finetune.methods.{name}"
    assert {row["method"] for row in ROWS.values()} == set(METHODS), "and has a row in the matrix"


def test_values_are_copied_by_name() -> None:
    own, new = {"a": torch.zeros(2), "b": torch.zeros(2)}, {"b": torch.ones(2), "a": torch.full((2,), 2.0)}
    copy_into(own, new)
    assert [value.tolist() for value in own.values()] == [[2, 2], [1, 1]]
    with pytest.raises(ValueError, match="it differs in b, c"):
        copy_into(own, {"a": torch.zeros(2), "c": torch.zeros(2)})


@ROW
def test_a_snapshot_s_values_are_taken_over(toy: Toy, row: dict) -> None:
    first, second = toy.prepare(row), toy.prepare({**row, "train.seed": 5})
    for value in first.method.trained_tensors().values():
        value.data += 0.5
    second.method.load_trained_tensors(first.method.trained_tensors())
    one, other = trained(first), trained(second)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_dreambooth_keeps_what_it_did_not_train(toy: Toy, tmp_path) -> None:
    training = toy.prepare({"method": "dreambooth", "output.precision": "fp16"})
    for value in training.method.trained_tensors().values():
        value.data += 0.5
    training.method.write(tmp_path / "out.safetensors", {"ss_note": "mine"}, "fp16")
    base, written = read_checkpoint(toy.checkpoint), read_checkpoint(tmp_path / "out.safetensors")
    assert base.tensors.keys() == written.tensors.keys()
    unet_names = {place.name for place in base.places["unet"].values()}
    for name, value in base.tensors.items():
        if name in unet_names:
            assert torch.equal(written.tensors[name], (value + 0.5).half()), name
        else:
            assert written.tensors[name].dtype == value.dtype
            assert torch.equal(written.tensors[name], value), name
    assert written.metadata["ss_note"] == "mine"
    assert (tmp_path / "out.yaml").read_text() == toy.checkpoint.with_suffix(".yaml").read_text()


def test_lora_writes_kohya_s_names_and_alpha(deep_toy: Toy, tmp_path) -> None:
    training = deep_toy.prepare({"train.train_text_encoder": True, "lora.alpha": 1.5})
    training.method.write(tmp_path / "out.safetensors", {}, "fp16")
    modules, _ = read_lora(tmp_path / "out.safetensors")
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0" in modules
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj" in modules
    assert len(modules) == 192 + 6
    assert {(module.rank, module.alpha) for module in modules.values()} == {(4, 1.5)}


def test_lora_s_alpha_of_zero_is_the_rank(toy: Toy, tmp_path) -> None:
    training = toy.prepare({"lora.rank": 3, "lora.alpha": 0})
    training.method.write(tmp_path / "out.safetensors", {}, "fp16")
    modules, _ = read_lora(tmp_path / "out.safetensors")
    assert {(module.rank, module.alpha) for module in modules.values()} == {(3, 3.0)}


def test_dreambooth_detached_learns_no_more(toy: Toy) -> None:
    training = toy.prepare(ROWS["dreambooth+text"])
    training.method.detach()
    assert not any(p.requires_grad for p in training.model.unet.parameters())
    assert not any(p.requires_grad for p in training.model.text_encoder.parameters())
