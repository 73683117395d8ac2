"""SDXL as a `Family`; the work is done in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...diffusion.noising import PredictionType
from ...diffusion.schedule import scaled_linear_alphas_cumprod
from ...settings.prompt_reading import PromptReading
from ..conditioning import TextConditioning
from ..family import DiffusionModel, LayerKind, Modules, TargetLayer
from ..ldm.layer_kinds import layer_kind
from ..ldm.lora_targets import lora_targets
from ..place import Place
from ..recognition import Shapes
from . import keys, sgm_config
from .architecture import SdxlArchitecture
from .constant_tensors import constant_tensors
from .encoding import encode_prompts
from .facts import SDXL
from .infer_sizes import infer_architecture
from .targets import lora_name, usual_lora_name

LATENT_PIXEL = 8
"""Pixels."""


class StableDiffusionXl:
    """See `Family`."""

    facts = SDXL

    def usual_name(self, file_name: str) -> str:
        return keys.usual_spelling(file_name)

    def name_table(self, architecture: SdxlArchitecture) -> dict[str, dict[str, Place]]:
        return keys.name_table(architecture)

    def module_shape(self, part: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return keys.module_shape(part, name, shape)

    def file_shape(self, usual_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return keys.file_shape(usual_name, shape)

    def infer_architecture(self, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> SdxlArchitecture:
        return infer_architecture(shapes, yaml_text, folder)

    def to_yaml(self, architecture: SdxlArchitecture) -> str:
        return sgm_config.dump(architecture)

    def constant_tensors(self, architecture: SdxlArchitecture) -> dict[str, Tensor]:
        return constant_tensors(architecture)

    def with_prediction_type(self, architecture: SdxlArchitecture, prediction_type: PredictionType) -> SdxlArchitecture:
        return replace(architecture, prediction_type=prediction_type)

    def import_libraries(self) -> None:
        import_module(".modules", __package__)

    def empty_modules(self, architecture: SdxlArchitecture) -> Modules:
        from .modules import empty_modules  # imports diffusers, which is not needed to read a file

        return empty_modules(architecture)

    def write_pipeline_files(
        self, architecture: SdxlArchitecture, folder: Path, scheduler: Mapping[str, Any] | None = None
    ) -> None:
        from ..ldm.pipeline_files import write_pipeline_files  # imports diffusers, as above

        modules = self.empty_modules(architecture)
        write_pipeline_files(folder, SDXL.pipelines[0], modules, architecture, scheduler)

    def alphas_cumprod(self, architecture: SdxlArchitecture) -> Tensor:
        return scaled_linear_alphas_cumprod(
            architecture.linear_start, architecture.linear_end, architecture.timesteps, architecture.zero_terminal_snr
        )

    def encode_prompts(
        self, model: DiffusionModel, prompts: Sequence[str], reading: PromptReading
    ) -> list[TextConditioning]:
        return encode_prompts(model, prompts, reading)

    def predict(
        self, model: DiffusionModel, noisy_latents: Tensor, timesteps: Tensor, conditioning: TextConditioning
    ) -> Tensor:
        """With the sizes of the images as they are drawn, where the conditioning has none."""
        dtype = model.unet.dtype
        assert conditioning.pooled is not None
        size_ids = conditioning.size_ids if conditioning.size_ids is not None else _as_drawn(noisy_latents)
        beside = {"text_embeds": conditioning.pooled.to(dtype), "time_ids": size_ids}
        answer = model.unet(
            noisy_latents.to(dtype),
            timesteps,
            conditioning.hidden_states.to(dtype),
            added_cond_kwargs=beside,
            encoder_attention_mask=conditioning.mask,
        )
        return answer.sample

    def lora_targets(self, part: str, module: nn.Module, convolutions: bool = False) -> dict[str, TargetLayer]:
        return lora_targets(part, module, convolutions)

    def layer_kind(self, part: str, path: str) -> LayerKind | None:
        return layer_kind(part, path)

    def lora_name(self, architecture: SdxlArchitecture, part: str, path: str) -> str:
        return lora_name(architecture, part, path)

    def usual_lora_name(self, architecture: SdxlArchitecture, name: str) -> str:
        return usual_lora_name(architecture, name)


def _as_drawn(latents: Tensor) -> Tensor:
    """Size ids of images of the latents' size that nothing was cut off, as the WebUI draws."""
    height, width = (side * LATENT_PIXEL for side in latents.shape[-2:])
    ids = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32, device=latents.device)
    return ids.expand(len(latents), -1)


FAMILY = StableDiffusionXl()
