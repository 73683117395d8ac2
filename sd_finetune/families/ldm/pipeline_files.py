"""What diffusers needs beside the weights of a model: `model_index.json`, the configs, tokenizers and a scheduler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from ...errors import UserError
from ...reading.diffusers_folder import CLASS, INDEX, SCHEDULER
from ..family import Modules
from .diffusers_config import noise_of

ENCODER_CLASSES = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}
TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}


def write_pipeline_files(
    folder: Path, pipeline: str, modules: Modules, architecture: Any, scheduler: Mapping[str, Any] | None = None
) -> None:
    """Write all of them. pipeline: the name of diffusers' class.

    scheduler: the settings of the base's own, kept where they go with the noise and the prediction type of the model.
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
    own = dict(scheduler) if scheduler and _suits(scheduler, architecture) else _usual_scheduler(architecture)
    (folder / SCHEDULER).parent.mkdir()
    (folder / SCHEDULER).write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
    index["scheduler"] = ["diffusers", own[CLASS]]
    index |= _left_out(len(modules.text_encoders) > 1)
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _suits(scheduler: Mapping[str, Any], architecture: Any) -> bool:
    """Whether a pipeline with these settings of a scheduler generates with the model as it was trained."""
    name = scheduler.get(CLASS)
    is_known = isinstance(name, str) and name.endswith("Scheduler") and hasattr(diffusers, name)
    try:
        noise = noise_of(scheduler)
    except UserError:
        return False
    return is_known and all(getattr(architecture, field) == value for field, value in noise.items())


def _usual_scheduler(architecture: Any) -> dict[str, Any]:
    """Settings of Euler's, which is SDXL's own; users choose theirs.

    SD 1.5's own, PNDM, needs more steps, and does not know zero terminal SNR. With that, sampling has to begin at the
    last timestep, which the spacing "trailing" does (arXiv 2305.08891, section 3.3).
    """
    ends_in_noise = architecture.zero_terminal_snr
    made = EulerDiscreteScheduler(
        num_train_timesteps=architecture.timesteps,
        beta_start=architecture.linear_start,
        beta_end=architecture.linear_end,
        beta_schedule="scaled_linear",
        prediction_type=architecture.prediction_type,
        timestep_spacing="trailing" if ends_in_noise else "leading",
        steps_offset=1,
        rescale_betas_zero_snr=ends_in_noise,
    )
    settings: dict[str, Any] = json.loads(made.to_json_string())
    return settings


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
