"""What a run writes, drawn by a pipeline of diffusers and by our own preview: the same image."""

from __future__ import annotations

import copy
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint
from diffusers.utils import USE_PEFT_BACKEND
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from sd_finetune.families.family import DiffusionModel
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.lora import read_lora
from sd_finetune.sampling.generate import GenerationSettings, generate_images
from sd_finetune.training.output.save import save_result
from sd_finetune.training.setup import Training
from tests.toy import ROWS, Toy

PROMPT, SEED = "a photo of sks star on a table", 3
GENERATION = GenerationSettings(72, 72, steps=6, guidance_scale=4.0, sampler="euler")
SAME = 0.5
"""Mean difference, of 255, of images that count as the same."""
NEEDS_PEFT = pytest.mark.skipif(
    not USE_PEFT_BACKEND, reason=f"diffusers {diffusers.__version__} loads a LoRA with peft only, which is not here"
)


def ours(model: DiffusionModel) -> np.ndarray:
    return np.asarray(generate_images(model, [PROMPT], [SEED], GENERATION)[0], dtype=float)


def pipeline_of(training: Training, **changed: Any) -> StableDiffusionPipeline:
    """diffusers' pipeline of the untrained checkpoint, but for what is `changed`."""
    model = load_model(training.base)
    modules = {"vae": model.vae.float(), "text_encoder": model.text_encoder.float(), "unet": model.unet.float()}
    return StableDiffusionPipeline(
        **{**modules, **changed},
        tokenizer=copy.deepcopy(model.tokenizer),  # its own, as words are added to it
        scheduler=EulerDiscreteScheduler(
            1000, 0.00085, 0.012, "scaled_linear", timestep_spacing="linspace", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    )


def theirs(pipeline: StableDiffusionPipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 4, 9, 9, generator=torch.Generator().manual_seed(SEED))
    drawn: Any = pipeline(
        PROMPT,
        height=GENERATION.height,
        width=GENERATION.width,
        num_inference_steps=GENERATION.steps,
        guidance_scale=GENERATION.guidance_scale,
        latents=noise,
        output_type="np",
    )
    return drawn.images[0] * 255.0


def moved(training: Training, by: float = 0.3) -> Training:
    """As if it had learnt."""
    generator = torch.Generator().manual_seed(2)
    for value in training.method.trained_tensors().values():
        value.data += by * torch.randn(value.shape, generator=generator)
    training.model.unet.eval()
    training.model.text_encoder.eval()
    return training


def test_the_untrained_model(toy: Toy) -> None:
    training = toy.prepare({"output.name": "untrained"})
    training.method.detach()
    assert np.abs(theirs(pipeline_of(training)) - ours(training.model)).mean() < SAME


def test_a_checkpoint(toy: Toy) -> None:
    """Converted by diffusers from the file and its .yaml alone."""
    training = moved(toy.prepare(ROWS["dreambooth+text"]), by=0.05)
    file = save_result(training, 1, final=True)
    unet, vae = (
        part.from_single_file(str(file), original_config=str(file.with_suffix(".yaml")))
        for part in (UNet2DConditionModel, AutoencoderKL)
    )
    text_encoder = CLIPTextModel(CLIPTextConfig(**training.base.architecture.text_config()))
    found = text_encoder.load_state_dict(convert_ldm_clip_checkpoint(load_file(file)), strict=False)
    assert not found.missing_keys
    after = theirs(pipeline_of(training, unet=unet, vae=vae, text_encoder=text_encoder))
    assert np.abs(after - ours(training.model)).mean() < SAME
    assert np.abs(after - theirs(pipeline_of(training))).mean() > 4 * SAME, "the file changes the image"


@NEEDS_PEFT
@pytest.mark.parametrize("row", ["lora", "lora+text"])
def test_a_lora(toy: Toy, row: str) -> None:
    """Every layer of it arrives: none is missing in what diffusers adds to the model."""
    training = moved(toy.prepare(ROWS[row]))
    file = save_result(training, 1, final=True)
    pipeline = pipeline_of(training)
    before = theirs(pipeline)
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name)  # by name, as it is offline
    added = [m for part in (pipeline.unet, pipeline.text_encoder) for m in part.modules() if hasattr(m, "lora_A")]
    assert len(added) == len(read_lora(file)[0])
    after = theirs(pipeline)
    assert np.abs(after - ours(training.model)).mean() < SAME
    assert np.abs(after - before).mean() > 4 * SAME, "the file changes the image"


@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_an_embedding(deep_toy: Toy, form: str) -> None:
    row = {**ROWS["textual_inversion"], "textual_inversion.format": form}
    training = moved(deep_toy.prepare(row))
    file = save_result(training, 1, final=True)
    pipeline = pipeline_of(training)
    before = theirs(pipeline)
    pipeline.load_textual_inversion(str(file), token="sks star")
    after = theirs(pipeline)
    assert np.abs(after - ours(training.model)).mean() < SAME
    assert np.abs(after - before).mean() > 4 * SAME, "the file changes the image"
