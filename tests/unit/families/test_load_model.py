from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sd_finetune.errors import UserError
from sd_finetune.families.family import precision_of
from sd_finetune.families.load_model import load_model
from sd_finetune.families.prompts import chunks_of, tokenize
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.formats.tensor_file import write_tensors
from tests.toy import Toy


def test_modules_hold_the_checkpoint_s_tensors(toy: Toy) -> None:
    checkpoint = read_checkpoint(toy.checkpoint)
    model = load_model(checkpoint)
    for part in ("unet", "vae", "text_encoder"):
        module = model.module(part)
        own = {n: v for n, v in module.state_dict().items() if not n.endswith("position_ids")}
        assert own.keys() == {n for n in checkpoint.parts[part] if not n.endswith("position_ids")}
        assert all(torch.equal(value, checkpoint.parts[part][name]) for name, value in own.items())
        assert not module.training
        assert not any(p.requires_grad or p.is_meta for p in module.parameters())
    assert model.text_encoder.text_model.embeddings.position_ids.flatten().tolist() == list(range(77))


def test_a_tensor_more_or_less_is_told(toy: Toy) -> None:
    checkpoint = read_checkpoint(toy.checkpoint)
    less = copy.copy(checkpoint.parts)
    less["unet"] = {name: value for name, value in less["unet"].items() if name != "conv_in.bias"}
    broken = replace(checkpoint)
    broken.__dict__["parts"] = less
    with pytest.raises(ValueError, match=r"disagree about conv_in\.bias"):
        load_model(broken)


@pytest.mark.parametrize(
    ("capability", "asked", "expected"),
    [
        ((8, 6), torch.float16, torch.bfloat16),
        ((8, 6), torch.bfloat16, torch.bfloat16),
        ((8, 6), torch.float32, torch.float32),
        ((7, 5), torch.float16, torch.float32),
        ((7, 5), torch.bfloat16, torch.float32),
        (None, torch.float16, torch.float32),
        (None, torch.bfloat16, torch.float32),
    ],
)
def test_the_vae_never_computes_in_fp16(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None, asked: torch.dtype, expected: torch.dtype
) -> None:
    """capability: the GPU's, None = on the CPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: capability is not None)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    device = torch.device("cuda" if capability else "cpu")
    assert (precision_of("unet", asked, device), precision_of("vae", asked, device)) == (asked, expected)


def test_half_precision_leaves_the_vae_whole(toy: Toy) -> None:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.to(torch.device("cpu"), torch.float16)
    assert (model.unet.dtype, model.text_encoder.dtype, model.vae.dtype) == (
        torch.float16,
        torch.float16,
        torch.float32,
    )
    model.to(torch.device("cpu"), torch.bfloat16)
    assert (model.unet.dtype, model.vae.dtype) == (torch.bfloat16, torch.float32)


def test_words_are_clip_s_own(toy: Toy) -> None:
    model = load_model(read_checkpoint(toy.checkpoint))
    prompts = ["a photo of sks dog", "", "dog " * 100]
    ids = tokenize(model, [chunk for prompt in prompts for chunk in chunks_of(model, prompt)], "text_encoder")
    assert ids.shape == (3, 77)
    assert ids[0, :7].tolist() == [49406, 320, 1125, 539, 48136, 1929, 49407], "sks is one word"
    assert ids[1].tolist() == [49406, *[49407] * 76]
    assert ids[2].tolist() == [49406, *[1929] * 75, 49407], "what is too long is cut"


def test_prompts_become_hidden_states(toy: Toy) -> None:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.text_encoder.float()
    states = model.encode_prompts(["a star", "a moon"]).hidden_states
    assert states.shape == (2, 77, 32)
    shift = float(model.text_encoder.text_model.final_layer_norm.bias.mean())
    torch.testing.assert_close(states.mean(-1), torch.full((2, 77), shift), rtol=0, atol=1e-5)  # by the last norm
    assert not torch.allclose(states[0], states[1], atol=1e-2)


def test_a_tensor_of_another_size_is_named(toy: Toy, tmp_path: Path) -> None:
    tensors = dict(read_checkpoint(toy.checkpoint).tensors)
    name = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_k.weight"
    tensors[name] = tensors[name][:16].contiguous()
    write_tensors(tmp_path / "cut.safetensors", tensors, {})
    checkpoint = read_checkpoint(tmp_path / "cut.safetensors", toy.checkpoint.with_suffix(".yaml"))
    with pytest.raises(UserError, match=rf"cut\.safetensors has {name} of size \(16, 32\), but .* \(32, 32\): choose"):
        load_model(checkpoint)
