"""Embeddings as the WebUI, kohya's scripts, diffusers and we write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from sd_finetune.errors import NotFiniteError, UserError
from sd_finetune.formats.embedding import read_embedding, write_embedding
from sd_finetune.formats.identify import identify
from tests.broken_files import put_value

VECTORS = torch.randn(3, 768, generator=torch.Generator().manual_seed(0))
METADATA = {
    "ss_output_name": "zib",
    "ss_steps": "120",
    "ss_sd_model_name": "base.safetensors",
    "ss_new_sd_model_hash": "0123456789abcdef",
    "sd_finetune.settings": '{"method": "textual_inversion", "textual_inversion": {"vectors": 3}}',
}


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_round_trip(tmp_path: Path, ending: str, precision: str, dtype: torch.dtype) -> None:
    path = tmp_path / f"zib{ending}"
    write_embedding(path, {"emb_params": nn.Parameter(VECTORS)}, METADATA, precision)
    found = read_embedding(path)
    (vectors,) = found.vectors.values()
    assert torch.equal(vectors, VECTORS.to(dtype))
    assert (found.name, found.step, dict(found.metadata)) == ("zib", 120, METADATA)
    described = identify(path)
    assert (described.kind, described.base) == ("embedding", "sd1")
    name = "base" if ending == ".pt" else "base.safetensors"
    facts = {"vectors": "3 of 768", "name": "zib", "step": "120", "sd_checkpoint_name": name}
    assert described.details == {**facts, "precision": precision}
    assert described.training["textual_inversion.vectors"] == "3"


def test_a_safetensors_holds_one_tensor_of_kohya_s_name(tmp_path: Path) -> None:
    write_embedding(tmp_path / "zib.safetensors", {"emb_params": VECTORS}, METADATA, "fp32")
    tensors = load_file(tmp_path / "zib.safetensors")
    assert list(tensors) == ["emb_params"], "the WebUI refuses a second one"
    assert torch.equal(tensors["emb_params"], VECTORS)


def test_the_webui_s_form(tmp_path: Path) -> None:
    path = tmp_path / "zib.pt"
    write_embedding(path, {"emb_params": nn.Parameter(VECTORS)}, METADATA, "fp32")
    assert not path.read_bytes().startswith(b"PK"), "the WebUI refuses what newer versions of torch put into a zip"
    content = torch.load(path, weights_only=True)
    assert content["string_to_token"] == {"*": 265}
    assert list(content["string_to_param"]) == ["*"]
    assert torch.equal(content["string_to_param"]["*"], VECTORS)
    assert type(content["string_to_param"]["*"]) is torch.Tensor
    facts = {name: content[name] for name in ("name", "step", "sd_checkpoint", "sd_checkpoint_name")}
    assert facts == {"name": "zib", "step": 120, "sd_checkpoint": "0123456789", "sd_checkpoint_name": "base"}


FOREIGN: dict[str, tuple[str, Any, str, int | None]] = {
    "webui": (
        ".pt",
        {"string_to_token": {"*": 265}, "string_to_param": {"*": nn.Parameter(VECTORS)}, "name": "cat", "step": 500},
        "cat",
        500,
    ),
    "webui, started": (".pt", {"string_to_param": {"*": VECTORS}, "name": "cat", "step": None}, "cat", None),
    "kohya": (".safetensors", {"emb_params": VECTORS}, "file", None),
    "kohya's pickle": (".pt", {"emb_params": VECTORS}, "file", None),
    "diffusers": (".safetensors", {"<cat-toy>": VECTORS}, "file", None),
    "diffusers' pickle": (".bin", {"<cat-toy>": VECTORS}, "file", None),
    "comfy": (".safetensors", {"clip_l": VECTORS}, "file", None),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_others_are_read(tmp_path: Path, kind: str) -> None:
    ending, content, name, step = FOREIGN[kind]
    path = tmp_path / f"file{ending}"
    if ending == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    found = read_embedding(path)
    (vectors,) = found.vectors.values()
    assert torch.equal(vectors, VECTORS)
    assert (found.name, found.step) == (name, step)


def test_one_vector_may_stand_alone(tmp_path: Path) -> None:
    torch.save({"<cat-toy>": VECTORS[0]}, tmp_path / "file.bin")
    (vectors,) = read_embedding(tmp_path / "file.bin").vectors.values()
    assert torch.equal(vectors, VECTORS[:1])


@pytest.mark.parametrize(
    "content",
    [
        {"emp_params": VECTORS, "emp_params_out": VECTORS + 1},
        {"clip_l": VECTORS, "clip_g": torch.ones(3, 1280), "t5": torch.ones(3, 4096)},
        {"clip_l": VECTORS, "clip_h": torch.ones(3, 1280)},
        {"a": torch.ones(2, 2, 2)},
        {"a": torch.ones(0, 768)},
        {},
    ],
)
def test_what_is_not_one_word_is_refused(tmp_path: Path, content: dict[str, torch.Tensor]) -> None:
    save_file(content, tmp_path / "file.safetensors")
    with pytest.raises(UserError, match=r"file\.safetensors is not an embedding of one word"):
        read_embedding(tmp_path / "file.safetensors")


PAIR = {"clip_l": VECTORS, "clip_g": torch.randn(3, 1280, generator=torch.Generator().manual_seed(1))}
SDXL = {**METADATA, "ss_base_model_version": "sdxl_base_v1-0"}


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
def test_vectors_for_two_text_encoders(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"zib{ending}"
    write_embedding(path, {name: nn.Parameter(own) for name, own in PAIR.items()}, SDXL, "fp32", steps_before=40)
    found = read_embedding(path)
    assert all(torch.equal(found.vectors[name], own) for name, own in PAIR.items())
    assert (found.name, found.step, found.count) == ("zib", 160, 3)
    assert found.metadata.items() >= SDXL.items()
    stored = load_file(path) if ending == ".safetensors" else torch.load(path, weights_only=True)
    assert set(stored) == set(PAIR), "the WebUI takes the vectors of two by these names, and nothing but tensors"
    assert all(type(own) is torch.Tensor for own in stored.values())
    described = identify(path)
    assert (described.kind, described.base) == ("embedding", "sdxl")
    assert described.details["vectors"] == "3 of 1280 (clip_g), 3 of 768 (clip_l)"
    assert described.training["textual_inversion.vectors"] == "3"


def test_as_many_vectors_for_one_text_encoder_as_for_the_other(tmp_path: Path) -> None:
    save_file({**PAIR, "clip_g": torch.ones(2, 1280)}, tmp_path / "file.safetensors")
    with pytest.raises(UserError, match=r"file\.safetensors has .*2 vectors for clip_g.*, which must be as many: copy"):
        read_embedding(tmp_path / "file.safetensors")


def test_the_base_of_an_odd_width_is_the_one_told(tmp_path: Path) -> None:
    write_embedding(
        tmp_path / "toy.safetensors", {"emb_params": torch.ones(2, 32)}, {"ss_base_model_version": "sd_v1"}, "fp32"
    )
    assert identify(tmp_path / "toy.safetensors").base == "sd1"


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "zib.safetensors"
    write_embedding(path, {"emb_params": torch.ones(1, 768)}, METADATA)
    put_value(path, "emb_params", float("nan"))
    with pytest.raises(UserError, match=r"zib\.safetensors has NaN or infinite values"):
        read_embedding(path)


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize(("value", "said"), [(float("nan"), "NaN or infinite"), (70_000, "7e[+]04, beyond the range")])
def test_numbers_that_are_none_are_not_written(tmp_path: Path, ending: str, value: float, said: str) -> None:
    with pytest.raises(NotFiniteError, match=said):
        write_embedding(
            tmp_path / f"zib.{ending}", {"emb_params": torch.full((1, 768), float(value))}, METADATA, "fp16"
        )
    assert not list(tmp_path.iterdir())
