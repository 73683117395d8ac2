"""Checkpoints as the real diffusers saves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from transformers import CLIPTextModel

from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint


def pipeline_of(checkpoint: Path) -> Any:
    """The checkpoint in diffusers' pipeline, in fp32 or whatever its parts are in."""
    base = read_checkpoint(checkpoint)
    model = load_model(base)
    encoders = dict(model.text_encoders)
    plain = CLIPTextModel(model.text_encoder.config)
    inner = getattr(plain, "text_model", plain)  # since transformers 5 it is that network itself
    own = {name.removeprefix("text_model."): tensor for name, tensor in base.parts["text_encoder"].items()}
    inner.load_state_dict(own, strict=False)
    encoders["text_encoder"] = plain.to(model.text_encoder.dtype)
    for encoder in encoders.values():
        for parameter in encoder.parameters():
            parameter.data = parameter.data.contiguous()  # or older versions of safetensors refuse a view
    architecture: Any = model.architecture
    scheduler = DDIMScheduler(
        beta_start=architecture.linear_start,
        beta_end=architecture.linear_end,
        beta_schedule="scaled_linear",
        prediction_type=architecture.prediction_type,
        rescale_betas_zero_snr=architecture.zero_terminal_snr,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    parts: dict[str, Any] = {"unet": model.unet, "vae": model.vae, "scheduler": scheduler, "tokenizer": model.tokenizer}
    if len(encoders) > 1:
        return StableDiffusionXLPipeline(**parts, **encoders, tokenizer_2=model.tokenizers["text_encoder_2"])
    more: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return StableDiffusionPipeline(**parts, **encoders, **more)


def save_folder(checkpoint: Path, folder: Path, **options: Any) -> Path:
    """The checkpoint as `save_pretrained` writes it, with its `options`."""
    pipeline_of(checkpoint).save_pretrained(folder, **options)
    return folder


def change_json(file: Path, changes: Mapping[str, Any]) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def drawn(pipeline: Any, seed: int = 3) -> torch.Tensor:
    """What diffusers generates, (72, 72, 3), not rounded."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(seed)
    asked: dict[str, Any] = {"prompt": "a photo of sks star", "height": 72, "width": 72, "num_inference_steps": 2}
    return torch.from_numpy(pipeline(**asked, generator=generator, output_type="np").images[0])
