from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from sd_finetune.errors import UserError
from sd_finetune.families.conditioning import TextConditioning
from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.sampling.generate import (
    SAMPLERS,
    GenerationSettings,
    decode_latents,
    draw_images,
    generate_images,
    to_bytes,
)
from sd_finetune.settings.groups.samples import SAMPLERS as NAMES
from tests.toy import Toy

GENERATION = GenerationSettings(width=72, height=72, steps=2, guidance_scale=3.0, sampler="euler")
PROMPTS, SEEDS = ["a star", "a moon", "a star"], [1, 2, 3]


@pytest.fixture(scope="module")
def model(toy: Toy) -> DiffusionModel:
    model = load_model(read_checkpoint(toy.checkpoint))
    model.to(torch.device("cpu"), torch.float32)
    return model


def drawn(
    model: DiffusionModel, prompts: list[str], seeds: list[int], drawing: GenerationSettings = GENERATION
) -> list[np.ndarray]:
    return [np.asarray(image).astype(int) for image in generate_images(model, prompts, seeds, drawing)]


def test_every_sampler_of_the_settings_draws() -> None:
    assert set(SAMPLERS) == set(NAMES)


@pytest.mark.parametrize("sampler", NAMES)
def test_an_image_depends_on_its_own_prompt_and_seed_only(model: DiffusionModel, sampler: str) -> None:
    drawing = replace(GENERATION, sampler=sampler)
    together = drawn(model, PROMPTS, SEEDS, drawing)
    (alone,) = drawn(model, PROMPTS[2:], SEEDS[2:], drawing)
    assert np.abs(together[2] - alone).max() <= 1
    assert np.abs(together[0] - together[2]).max() > 5, "another seed, another image"
    (other_prompt,) = drawn(model, PROMPTS[1:2], SEEDS[2:], drawing)
    assert np.abs(other_prompt - alone).max() > 1


def test_size_and_kind(model: DiffusionModel) -> None:
    (image,) = generate_images(model, ["a star"], [0], replace(GENERATION, width=96, height=72))
    assert (image.size, image.mode) == ((96, 72), "RGB")


def test_without_guidance_the_negative_prompt_is_not_computed(model: DiffusionModel) -> None:
    sizes: list[int] = []
    hook = model.unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    guided, unguided = GENERATION, replace(GENERATION, guidance_scale=1.0)
    drawn(model, PROMPTS, SEEDS, guided)
    drawn(model, PROMPTS, SEEDS, unguided)
    hook.remove()
    assert sizes == [6, 6, 3, 3]


@pytest.mark.parametrize(
    ("steps", "expected"),
    # The WebUI's clip(range(0, 1000, 1000 // steps) + 1, 0, 999) without the lowest, by hand.
    [(4, [751, 501, 251]), (3, [999, 667, 334]), (6, [997, 831, 665, 499, 333, 167]), (1, [1])],
)
def test_ddim_asks_at_the_timesteps_of_the_webui(model: DiffusionModel, steps: int, expected: list[int]) -> None:
    seen: list[int] = []
    hook = model.unet.register_forward_pre_hook(lambda _, inputs: seen.append(int(inputs[1])))
    drawn(model, PROMPTS[:1], SEEDS[:1], replace(GENERATION, sampler="ddim", steps=steps))
    hook.remove()
    assert seen == expected


def test_guidance_by_hand(model: DiffusionModel) -> None:
    """One DDIM step with guidance g is the step with negative + g (positive - negative)."""
    ends = {}
    for name, scale, prompt, negative in (
        ("g", 3.0, "a star", "gray"),
        ("+", 1.0, "a star", ""),
        ("-", 1.0, "gray", ""),
    ):
        drawing = replace(GENERATION, sampler="ddim", steps=1, guidance_scale=scale, negative_prompt=negative)
        latents: list[torch.Tensor] = []
        hook = model.vae.post_quant_conv.register_forward_pre_hook(lambda _, x, kept=latents: kept.append(x[0]))
        drawn(model, [prompt], [0], drawing)
        hook.remove()
        ends[name] = latents[0]
    torch.testing.assert_close(ends["g"], ends["-"] + 3 * (ends["+"] - ends["-"]), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(ends["+"], ends["-"], atol=1e-4)


def test_the_decoder_stays_out_of_half_precision(model: DiffusionModel) -> None:
    seen: list[torch.dtype] = []
    hook = model.vae.decoder.conv_in.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    generate_images(model, ["a star"], [0], GENERATION, torch.autocast("cpu", torch.bfloat16))
    generate_images(model, ["a star"], [0], GENERATION, nullcontext())
    hook.remove()
    assert seen == [torch.float32, torch.float32]


def test_decoding_many_is_decoding_each(model: DiffusionModel) -> None:
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    together = to_bytes(decode_latents(model, latents))
    apart = torch.cat([to_bytes(decode_latents(model, row[None])) for row in latents])
    assert together.shape == (5, 64, 64, 3)
    assert (together.int() - apart.int()).abs().max() <= 1
    expected = model.vae.decode(latents[:1] / 0.18215).sample.detach()
    bytes_by_hand = ((expected[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255)
    assert (together[0] - bytes_by_hand).abs().max() <= 1


# --- what is not an image


@contextmanager
def broken(parameter: torch.Tensor, value: float) -> Iterator[None]:
    before = parameter.detach().clone()
    with torch.no_grad():
        parameter.fill_(value)
    try:
        yield
    finally:
        with torch.no_grad():
            parameter.copy_(before)


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("unet.conv_out.bias", math.nan, "is NaN or infinite, as the UNet overflowed in float32"),
        ("vae.decoder.conv_out.bias", math.inf, "is NaN or infinite, as the VAE overflowed in float32"),
        ("vae.decoder.conv_out.bias", -1000.0, "is all black"),
    ],
)
def test_what_is_no_image_is_told(model: DiffusionModel, part: str, value: float, why: str) -> None:
    module, _, name = part.partition(".")
    with broken(model.module(module).get_parameter(name), value):
        found = draw_images(model, PROMPTS, SEEDS, GENERATION)
        assert [drawn.image for drawn in found] == [None] * 3
        assert [drawn.why for drawn in found] == [why] * 3
        with pytest.raises(UserError, match=f"^The image of seed 1 {why}: check the checkpoint"):
            generate_images(model, PROMPTS, SEEDS, GENERATION)
    assert len(generate_images(model, PROMPTS, SEEDS, GENERATION)) == 3


def test_one_bad_image_costs_no_other(model: DiffusionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_overflows(latents: torch.Tensor) -> SimpleNamespace:
        pixels = torch.zeros(len(latents), 3, 8 * latents.shape[2], 8 * latents.shape[3])
        pixels[1, 0, 5, 5] = math.inf
        return SimpleNamespace(sample=pixels)

    monkeypatch.setattr(model.vae, "decode", one_overflows)
    assert [drawn.image is None for drawn in draw_images(model, PROMPTS, SEEDS, GENERATION)] == [False, True, False]


class OverflowingVae:
    """In every format but float32."""

    def __init__(self) -> None:
        self.dtype, self.asked = torch.float16, list[torch.dtype]()

    def to(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def decode(self, latents: torch.Tensor) -> SimpleNamespace:
        self.asked.append(latents.dtype)
        return SimpleNamespace(sample=torch.full((1, 3, 8, 8), 0.5 if latents.dtype == torch.float32 else math.nan))


def test_what_overflows_is_decoded_in_float32_from_then_on(model: DiffusionModel) -> None:
    vae = OverflowingVae()
    overflowing = replace(model, vae=vae)
    for _ in range(2):
        assert torch.isfinite(decode_latents(overflowing, torch.zeros(1, 4, 1, 1))).all()
    assert vae.asked == [torch.float16, torch.float32, torch.float32]
    vae.dtype = torch.float16
    decode_latents(overflowing, torch.full((1, 4, 1, 1), math.nan))
    assert vae.asked[3:] == [torch.float16], "latents that are not finite are not the VAE's fault"


@pytest.mark.parametrize("negative", ["", " ", "blue"])
@pytest.mark.parametrize("zeroes", [False, True])
def test_an_empty_negative_prompt_is_zeros_where_the_webui_has_it_so(
    model: DiffusionModel, monkeypatch: pytest.MonkeyPatch, zeroes: bool, negative: str
) -> None:
    """A space is text, and so is an empty prompt that is not a negative one."""
    asked: list[TextConditioning] = []
    predict = model.predict

    def hear(noisy: Tensor, timestep: Tensor, conditioning: TextConditioning) -> Tensor:
        asked.append(conditioning)
        return predict(noisy, timestep, conditioning)

    monkeypatch.setattr(model.family, "facts", replace(model.family.facts, zeroes_empty_negative=zeroes), raising=False)
    monkeypatch.setattr(model, "predict", hear)
    generate_images(model, ["a star", ""], [1, 2], replace(GENERATION, negative_prompt=negative))
    expected = model.encode_prompts([negative]).hidden_states
    if zeroes and not negative:
        expected = torch.zeros_like(expected)
    empty = model.encode_prompts([""]).hidden_states
    for conditioning in asked:
        torch.testing.assert_close(conditioning.hidden_states[:2], expected.expand(2, -1, -1))
        torch.testing.assert_close(conditioning.hidden_states[3:], empty)
