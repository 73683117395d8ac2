"""What diffusers needs beside the weights of a model: `model_index.json`, the configs, tokenizers and a scheduler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from ...reading.diffusers_folder import INDEX
from ..family import Modules

ENCODER_CLASSES = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}
TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}


def write_pipeline_files(folder: Path, pipeline: str, modules: Modules, architecture: Any) -> None:
    """Write all of them. pipeline: the name of diffusers' class.

    The scheduler is Euler's, for the noise schedule and the prediction type of the model; users choose theirs.
    """
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": diffusers.__version__}
    for part, module in (("unet", modules.unet), ("vae", modules.vae)):
        module.save_config(folder / part)
        index[part] = ["diffusers", type(module).__name__]
    for part, module in modules.text_encoders.items():
        module.config.architectures = [ENCODER_CLASSES[part]]
        module.config.save_pretrained(folder / part)
        index[part] = ["transformers", ENCODER_CLASSES[part]]
        _write_tokenizer(folder / TOKENIZERS[part], modules.tokenizers[part])
        index[TOKENIZERS[part]] = ["transformers", "CLIPTokenizer"]
    scheduler = _scheduler(architecture)
    scheduler.save_config(folder / "scheduler")
    index["scheduler"] = ["diffusers", type(scheduler).__name__]
    index |= _left_out(len(modules.text_encoders) > 1)
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _scheduler(architecture: Any) -> Any:
    ends_in_noise = architecture.zero_terminal_snr
    return EulerDiscreteScheduler(
        num_train_timesteps=architecture.timesteps,
        beta_start=architecture.linear_start,
        beta_end=architecture.linear_end,
        beta_schedule="scaled_linear",
        prediction_type=architecture.prediction_type,
        timestep_spacing="trailing" if ends_in_noise else "leading",
        steps_offset=1,
        rescale_betas_zero_snr=ends_in_noise,
    )


def _write_tokenizer(folder: Path, tokenizer: Any) -> None:
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    config.pop("name_or_path", None)  # a folder of this machine
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _left_out(is_xl: bool) -> dict[str, Any]:
    none: list[None] = [None, None]
    shared: dict[str, Any] = {"feature_extractor": none, "image_encoder": none}
    if is_xl:
        return {**shared, "force_zeros_for_empty_prompt": True}
    return {**shared, "safety_checker": none, "requires_safety_checker": False}
