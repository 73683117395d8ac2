"""Each way to compute attention is asked for, is used, and gives the same."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.settings.attention import ATTENTIONS
from sd_finetune.settings.missing_files import missing_for_training
from sd_finetune.settings.prompt_reading import PromptReading
from sd_finetune.training.compute.attention import (
    BROKEN_FLASH_FOR_CPUS,
    _sound_kernels,
    attention_of,
    attentions_of,
    set_attention,
)
from sd_finetune.ui.projects.form import form
from tests.toy import Toy, relative_error, worst_error
from tests.xformers import Counted, stand_in_for_xformers

TOLERANCE = 1e-5
"""Relative error in fp32, of outputs. What is trained is compared in tests/recipe/test_fast_paths.py."""
CPU = torch.device("cpu")


@pytest.fixture
def xformers(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return stand_in_for_xformers(monkeypatch)


def answers(toy: Toy, kind: str) -> dict[str, Tensor]:
    model = load_model(read_checkpoint(toy.checkpoint))
    set_attention(model, kind)
    generator = torch.Generator().manual_seed(2)
    noisy, text = torch.randn(3, 4, 9, 9, generator=generator), torch.randn(3, 77, 32, generator=generator)
    with torch.no_grad():
        image = model.vae.decode(noisy).sample
        return {
            "unet": model.unet(noisy, torch.tensor([1, 500, 900]), text).sample,
            "decoder": image,
            "encoder": model.vae.encode(image.clamp(-1, 1)).latent_dist.mean,
        }


@pytest.mark.parametrize("kind", ["xformers", "sliced"])
def test_unet_and_vae_answer_the_same(toy: Toy, xformers: Counted, kind: str) -> None:
    assert worst_error(answers(toy, kind), answers(toy, "sdpa")) < TOLERANCE


def test_xformers_computes_every_attention_of_a_run(deep_toy: Toy, xformers: Counted) -> None:
    """In the VAE that encodes and draws, and in the UNet that draws class images and samples, and is trained."""
    training = deep_toy.prepare({"train.attention": "xformers", "prior.weight": 1.0, "class_images.seed": 88})
    in_unet = len(attentions_of(training.model.unet))
    assert in_unet == 32
    width_in_vae = 32
    assert xformers.widths.count(width_in_vae) >= 1 + 3 + 4, "class images, and the images that are encoded"
    assert len([width for width in xformers.widths if width != width_in_vae]) == 1 + in_unet  # 1 where it was tried
    kinds = {type(a.processor) for part in (training.model.unet, training.model.vae) for a in attentions_of(part)}
    assert [kind.__name__ for kind in kinds] == ["MaskedXFormers"]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ATTENTIONS)
def test_prompts_of_several_lengths_can_be_attended_to(
    toy: Toy, xformers: Counted, kind: str, precision: torch.dtype
) -> None:
    """In mixed precision too, where a mask is not converted by itself."""
    model = load_model(read_checkpoint(toy.checkpoint))
    model.to(CPU, torch.float32)
    set_attention(model, kind)
    reading = PromptReading(chunks=2)
    noisy = torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(2))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        together = model.predict(noisy, torch.tensor([1, 500]), model.encode_prompts(["a star", "moon " * 80], reading))
        alone = model.predict(noisy[:1], torch.tensor([1]), model.encode_prompts(["a star"], reading))
    tolerance = 1e-5 if precision == torch.float32 else 3e-2
    assert relative_error(together[:1], alone) < tolerance
    assert (xformers.masked > 0) == (kind == "xformers")


def test_auto_is_pytorchs_own(toy: Toy) -> None:
    assert attention_of("auto", CPU) == "sdpa"
    kinds = {type(a.processor).__name__ for a in attentions_of(toy.prepare().model.unet)}
    assert kinds == {"MaskedTorch"}


def test_a_missing_xformers_is_refused_with_what_to_install(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file, in the tab and by the worker with one sentence."""
    monkeypatch.setitem(sys.modules, "xformers", None)
    monkeypatch.setattr("sd_finetune.settings.availability.find_spec", lambda _: None)
    settings = toy.settings({"train.attention": "xformers"})
    sentence = missing_for_training(settings)["train.attention"]
    assert sentence == (
        'train.attention = "xformers" needs the package xformers, which is not installed: run '
        f"{sys.executable} -m sd_finetune install xformers, or press Install under Memory in the tab, or set it to "
        '"auto".'
    )
    with pytest.raises(UserError) as raised:
        toy.prepare({"train.attention": "xformers"})
    assert str(raised.value) == sentence
    field = next(f for group in form()["groups"] for f in group["fields"] if f["name"] == "train.attention")
    assert list(field["unavailable"]) == ["xformers"]
    assert field["titles"]["xformers"] == "xformers (needs the package xformers)"
    assert "press Install under Memory in the tab" in field["unavailable"]["xformers"]


def test_without_a_gpu_it_is_refused(xformers: Counted) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ATTENTIONS, "xformers", type(ATTENTIONS["xformers"])("xFormers", "xformers", needs_gpu=True))
        with pytest.raises(UserError, match=r"needs a CUDA GPU, and training runs on the CPU: set it to \"auto\"\.$"):
            attention_of("xformers", CPU)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (NotImplementedError("No operator found\nfor inputs"), "(No operator found): uninstall it and run"),
        (ImportError(""), "(ImportError)"),
    ],
)
def test_an_xformers_of_another_torch_is_refused(xformers: Counted, problem: Exception, told: str) -> None:
    def fails(*_: Any) -> Tensor:
        raise problem

    ops: ModuleType = sys.modules["xformers.ops"]
    ops.memory_efficient_attention = fails  # type: ignore[attr-defined]
    with pytest.raises(UserError) as raised:
        attention_of("xformers", CPU)
    assert told in str(raised.value)
    assert f"fails with torch {torch.__version__}" in str(raised.value)


@pytest.mark.cuda
def test_on_a_gpu_xformers_answers_the_same() -> None:
    pytest.importorskip("xformers.ops")
    device = torch.device("cuda")
    assert attention_of("xformers", device) == "xformers"
    from diffusers.models.attention_processor import Attention, AttnProcessor2_0, XFormersAttnProcessor

    attention = Attention(query_dim=320, heads=8, dim_head=40).to(device, torch.float16)
    shown = torch.randn(2, 256, 320, device=device, dtype=torch.float16)
    found = [attention(shown) for processor in (AttnProcessor2_0(), XFormersAttnProcessor())
             if attention.set_processor(processor) is None]  # fmt: skip
    torch.testing.assert_close(*found, rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(not BROKEN_FLASH_FOR_CPUS, reason="its flash attention for CPUs is sound")
@pytest.mark.parametrize(("dtype", "flash"), [(torch.bfloat16, False), (torch.float32, True)])
def test_half_precision_on_a_cpu_does_without_broken_kernels(dtype: torch.dtype, flash: bool) -> None:
    with _sound_kernels(torch.zeros(1, dtype=dtype)):
        assert torch.backends.cuda.flash_sdp_enabled() == flash
    assert torch.backends.cuda.flash_sdp_enabled()
    with torch.autocast("cpu", torch.bfloat16), _sound_kernels(torch.zeros(1)):
        assert not torch.backends.cuda.flash_sdp_enabled()
