"""LoRA files as kohya's scripts and the WebUI have them."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from sd_finetune.errors import NotFiniteError, UserError
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sd1.keys import name_table
from sd_finetune.families.sd1.targets import lora_name
from sd_finetune.formats.identify import identify
from sd_finetune.formats.lora import LoraModule, read_lora, write_lora
from tests.broken_files import put_value

ATTENTIONS = [
    *(f"down_blocks_{block}_attentions_{place}" for block in (0, 1, 2) for place in (0, 1)),
    "mid_block_attentions_0",
    *(f"up_blocks_{block}_attentions_{place}" for block in (1, 2, 3) for place in (0, 1, 2)),
]
LAYERS = [
    "proj_in",
    "proj_out",
    *(f"transformer_blocks_0_{attn}_to_{layer}" for attn in ("attn1", "attn2") for layer in ("q", "k", "v", "out_0")),
    "transformer_blocks_0_ff_net_0_proj",
    "transformer_blocks_0_ff_net_2",
]
TEXT_LAYERS = [*(f"self_attn_{layer}_proj" for layer in ("q", "k", "v", "out")), "mlp_fc1", "mlp_fc2"]


def is_layer(name: str) -> bool:
    """A weight of a linear layer or 1x1 convolution: what LoRA stands beside. Norms carry `norm` in their name."""
    return name.endswith(".weight") and "norm" not in name


def test_names_of_all_layers_of_stable_diffusion_1_5() -> None:
    table = name_table(SD15)
    unet = {
        lora_name("unet", name.removesuffix(".weight"))
        for name in table["unet"]
        if is_layer(name) and ".attentions." in name
    }
    text = {
        lora_name("text_encoder", name.removesuffix(".weight"))
        for name in table["text_encoder"]
        if is_layer(name) and ".layers." in name
    }
    assert unet == {f"lora_unet_{attention}_{layer}" for attention in ATTENTIONS for layer in LAYERS}
    assert text == {
        f"lora_te_text_model_encoder_layers_{index}_{layer}" for index in range(12) for layer in TEXT_LAYERS
    }
    assert (len(unet), len(text)) == (192, 72)


@pytest.fixture
def modules() -> dict[str, LoraModule]:
    torch.manual_seed(0)
    return {
        lora_name("unet", "mid_block.attentions.0.proj_in"): LoraModule(
            torch.randn(4, 8, 1, 1), torch.randn(8, 4, 1, 1), 2.0
        ),
        lora_name("unet", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"): LoraModule(
            torch.randn(4, 768), torch.randn(640, 4), 2.0
        ),
        lora_name("text_encoder", "text_model.encoder.layers.0.mlp.fc1"): LoraModule(
            torch.randn(4, 8), torch.randn(16, 4), 0.1
        ),
    }


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_round_trip(tmp_path: Path, modules: dict[str, LoraModule], precision: str, dtype: torch.dtype) -> None:
    path = tmp_path / "lora.safetensors"
    write_lora(path, modules, {"ss_output_name": "mine"}, precision)
    read, metadata = read_lora(path)
    assert set(read) == {
        "lora_unet_mid_block_attentions_0_proj_in",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k",
        "lora_te_text_model_encoder_layers_0_mlp_fc1",
    }
    for name, module in modules.items():
        found = read[name]
        assert torch.equal(found.down, module.down.to(dtype))
        assert torch.equal(found.up, module.up.to(dtype))
        assert found.rank == 4
        # As the WebUI computes it: the file's alpha over its rank. 0.1 is not a float16, so it has to be kept wider.
        assert found.alpha == torch.tensor(module.alpha, dtype=torch.float32).item()
    assert metadata["ss_output_name"] == "mine"


def test_tensors_as_the_webui_wants_them(tmp_path: Path, modules: dict[str, LoraModule]) -> None:
    path = tmp_path / "lora.safetensors"
    write_lora(path, modules, {"ss_output_name": "mine"})
    tensors = safetensors.torch.load_file(path)
    stem = "lora_unet_mid_block_attentions_0_proj_in"
    assert {name for name in tensors if name.startswith(stem)} == {
        f"{stem}.lora_down.weight",
        f"{stem}.lora_up.weight",
        f"{stem}.alpha",
    }
    assert tensors[f"{stem}.alpha"].shape == ()
    assert tensors[f"{stem}.alpha"].dtype == torch.float16


def test_the_hashes_are_kohyas(tmp_path: Path) -> None:
    """Those of the file that has only the training metadata, as sd-scripts writes it with safetensors itself."""
    torch.manual_seed(0)
    many = {lora_name("unet", f"a.{k}"): LoraModule(torch.randn(8, 320), torch.randn(640, 8), 0.1) for k in range(80)}
    training = {"ss_output_name": "é", "ss_v2": "False"}
    write_lora(tmp_path / "l.safetensors", many, {**training, "modelspec.title": "may be edited later"}, "fp32")
    tensors = safetensors.torch.load_file(tmp_path / "l.safetensors")
    content = safetensors.torch.save(tensors, training)
    start = 8 + struct.unpack("<Q", content[:8])[0]
    assert len(content) > 0x110000
    _, metadata = read_lora(tmp_path / "l.safetensors")
    assert metadata["sshs_model_hash"] == hashlib.sha256(content[start:]).hexdigest()
    assert metadata["sshs_legacy_hash"] == hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]


def test_a_layer_without_alpha_counts_once(tmp_path: Path) -> None:
    tensors = {"lora_unet_x.lora_down.weight": torch.randn(4, 8), "lora_unet_x.lora_up.weight": torch.randn(8, 4)}
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors")
    modules, metadata = read_lora(tmp_path / "x.safetensors")
    assert modules["lora_unet_x"].alpha == modules["lora_unet_x"].rank == 4
    assert metadata == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora_unet_x.hada_w1_a", "has a layer lora_unet_x whose hada_w1_b is missing: copy or download"),
        ("unet.mid_block.x.lora_A.weight", "has a layer lora_unet_mid_block_x whose lora_up.weight is missing"),
        ("lora_unet_x.lora_down.weight", "has a layer lora_unet_x whose lora_up.weight is missing"),
        ("lora_unet_x.alpha", "is not a LoRA of a known layout"),
        ("lora_unet_x.oft_blocks", "is not a LoRA of a known layout"),
        ("transformer.blocks.0.lora_A.weight", "is not a LoRA of a known layout"),
    ],
)
def test_what_is_incomplete_or_of_another_layout_is_refused(tmp_path: Path, name: str, words: str) -> None:
    safetensors.torch.save_file({name: torch.randn(4, 8)}, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=words):
        read_lora(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("down", "up"),
    [((4, 8), (8, 3)), ((0, 8), (8, 0)), ((4, 8), (8,)), ((4, 8), (8, 2, 3, 3)), ((4,), (4,)), ((), (4, 1))],
)
def test_layers_without_a_rank_are_refused(tmp_path: Path, down: tuple[int, ...], up: tuple[int, ...]) -> None:
    tensors = {"lora_unet_x.lora_down.weight": torch.ones(down), "lora_unet_x.lora_up.weight": torch.ones(up)}
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=r"x\.safetensors has a layer lora_unet_x .*, differ in rank: copy or download"):
        read_lora(tmp_path / "x.safetensors")


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    path, name = tmp_path / "x.safetensors", lora_name("unet", "x")
    write_lora(path, {name: LoraModule(torch.ones(2, 4), torch.ones(4, 2), 1.0)}, {})
    put_value(path, f"{name}.lora_up.weight", float("inf"))
    with pytest.raises(UserError, match=r"x\.safetensors has NaN or infinite values"):
        read_lora(path)


@pytest.mark.parametrize(("value", "said"), [(float("inf"), "NaN or infinite"), (-70_000, "7e[+]04, beyond the range")])
def test_numbers_that_are_none_are_not_written(tmp_path: Path, value: float, said: str) -> None:
    layer = LoraModule(torch.ones(2, 4), torch.full((4, 2), float(value)), 1.0)
    with pytest.raises(NotFiniteError, match=said):
        write_lora(tmp_path / "x.safetensors", {lora_name("unet", "x"): layer}, {}, "fp16")
    assert not list(tmp_path.iterdir())


def test_an_alpha_that_is_no_number_is_refused(tmp_path: Path) -> None:
    layer = LoraModule(torch.ones(2, 4), torch.ones(4, 2), float("nan"))
    write_lora(tmp_path / "x.safetensors", {lora_name("unet", "x"): layer}, {})
    with pytest.raises(UserError, match="has NaN or infinite"):
        read_lora(tmp_path / "x.safetensors")


def test_an_alpha_is_one_number(tmp_path: Path) -> None:
    tensors = {"lora_down.weight": torch.ones(2, 4), "lora_up.weight": torch.ones(4, 2), "alpha": torch.ones(2)}
    safetensors.torch.save_file({f"lora_unet_x.{n}": t for n, t in tensors.items()}, tmp_path / "x.safetensors")
    with pytest.raises(UserError, match=r"has 2 values as lora_unet_x\.alpha instead of one"):
        read_lora(tmp_path / "x.safetensors")
    assert "alpha" not in identify(tmp_path / "x.safetensors").details


def test_parameters_can_be_written_as_they_are(tmp_path: Path) -> None:
    module = LoraModule(nn.Linear(8, 4, bias=False).weight, nn.Linear(4, 8, bias=False).weight, 4)
    write_lora(tmp_path / "x.safetensors", {lora_name("unet", "x"): module}, {})
    assert torch.equal(read_lora(tmp_path / "x.safetensors")[0]["lora_unet_x"].up, module.up.detach().half())
