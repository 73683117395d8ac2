"""New words in the files of LoRAs: as the WebUI, OneTrainer and we write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sd_finetune.errors import UserError
from sd_finetune.formats.bundled_words import read_bundled
from sd_finetune.formats.identify import identify
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora

LAYER = "lora_unet_mid_block_attentions_0_proj_in"
LAYERS = {LAYER: LoraModule(torch.ones(2, 4), torch.ones(4, 2), 1.0)}
ONE, PAIR = torch.ones(2, 8), {"clip_l": torch.ones(2, 8), "clip_g": torch.ones(2, 16)}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "l.safetensors"
    write_lora(path, LAYERS, {}, "fp32", {"zib 7": {"emb_params": ONE}, "mo-9": PAIR})
    assert {name for name in load_file(path) if name.startswith("bundle")} == {
        "bundle_emb.zib 7.string_to_param.*", "bundle_emb.mo-9.clip_l", "bundle_emb.mo-9.clip_g",
    }  # fmt: skip
    words = read_bundled(path)
    assert words["zib 7"].vectors["*"].equal(ONE)
    assert (words["mo-9"].name, words["mo-9"].count) == ("mo-9", 2)
    assert read_lora(path)[0].keys() == {LAYER}
    about = identify(path)
    assert about.kind == "lora"
    assert about.details["new words"] == "mo-9 (2 vectors), zib 7 (2 vectors)"
    assert about.use == "base.continue_from of a LoRA, and --lora of `sample` and `merge`"


@pytest.mark.parametrize("inner", ["clip_l", "string_to_param.*", "emb_params"])
def test_files_of_others(tmp_path: Path, inner: str) -> None:
    write_lora(tmp_path / "plain.safetensors", LAYERS, {}, "fp32")
    save_file(
        {**load_file(tmp_path / "plain.safetensors"), f"bundle_emb.zib.{inner}": ONE[0]}, tmp_path / "l.safetensors"
    )
    (embedding,) = read_bundled(tmp_path / "l.safetensors").values()
    assert [tuple(own.shape) for own in embedding.vectors.values()] == [(1, 8)]
    assert read_bundled(tmp_path / "plain.safetensors") == {}


def test_vectors_behind_the_text_encoder_are_left_out(tmp_path: Path) -> None:
    """As in the WebUI: OneTrainer has them for words that are trained as output embeddings."""
    names = ("clip_l", "clip_g", "clip_l_out", "clip_g_out")
    words = {f"bundle_emb.zib.{name}": torch.ones(2, 8) for name in names}
    save_file({**words, "bundle_emb.zab.clip_l_out": torch.ones(2, 8)}, tmp_path / "l.safetensors")
    ((word, embedding),) = read_bundled(tmp_path / "l.safetensors").items()
    assert (word, set(embedding.vectors)) == ("zib", {"clip_l", "clip_g"})


@pytest.mark.parametrize(
    "tensors",
    [
        {"clip_l": torch.ones(2, 8), "other": torch.ones(2, 8)},
        {"clip_l": torch.ones(2, 2, 8)},
        {"x": torch.ones(2).int()},
    ],
)
def test_what_is_no_word_gets_a_sentence(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file({f"bundle_emb.zib.{name}": own for name, own in tensors.items()}, tmp_path / "l.safetensors")
    with pytest.raises(UserError, match=r'the word "zib" of .* is not an embedding of one word'):
        read_bundled(tmp_path / "l.safetensors")
