"""Stable Diffusion 1 as a `Family`; the work is done in the modules beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from torch import Tensor, nn

from ...diffusion.noising import PredictionType
from ...diffusion.schedule import scaled_linear_alphas_cumprod
from ..conditioning import TextConditioning
from ..family import DiffusionModel, Modules, TargetLayer
from ..prompts import tokenize
from ..recognition import Shapes
from . import keys, ldm_config
from .architecture import Sd1Architecture
from .constant_tensors import constant_tensors
from .facts import SD1
from .infer_sizes import infer_architecture
from .targets import lora_name, lora_targets


class StableDiffusion1:
    """See `Family`."""

    facts = SD1

    def usual_name(self, file_name: str) -> str:
        return keys.usual_spelling(file_name)

    def name_table(self, architecture: Sd1Architecture) -> dict[str, dict[str, str]]:
        return keys.name_table(architecture)

    def module_shape(self, part: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return keys.module_shape(part, name, shape)

    def file_shape(self, usual_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return keys.file_shape(usual_name, shape)

    def infer_architecture(self, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> Sd1Architecture:
        return infer_architecture(shapes, yaml_text, folder)

    def to_yaml(self, architecture: Sd1Architecture) -> str:
        return ldm_config.dump(architecture)

    def constant_tensors(self, architecture: Sd1Architecture) -> dict[str, Tensor]:
        return constant_tensors(architecture)

    def with_prediction_type(self, architecture: Sd1Architecture, prediction_type: PredictionType) -> Sd1Architecture:
        return replace(architecture, prediction_type=prediction_type)

    def import_libraries(self) -> None:
        import_module(".modules", __package__)

    def empty_modules(self, architecture: Sd1Architecture) -> Modules:
        from .modules import empty_modules  # imports diffusers, which is not needed to read a file

        return empty_modules(architecture)

    def alphas_cumprod(self, architecture: Sd1Architecture) -> Tensor:
        return scaled_linear_alphas_cumprod(architecture.linear_start, architecture.linear_end, architecture.timesteps)

    def encode_prompts(self, model: DiffusionModel, prompts: Sequence[str]) -> TextConditioning:
        """Hidden states of the text encoder's last layer after its norm, (prompts, 77, context width)."""
        ids = tokenize(model, prompts).to(model.text_encoder.device)
        return TextConditioning(model.text_encoder(ids).last_hidden_state)

    def predict(
        self, model: DiffusionModel, noisy_latents: Tensor, timesteps: Tensor, conditioning: TextConditioning
    ) -> Tensor:
        dtype = model.unet.dtype
        return model.unet(noisy_latents.to(dtype), timesteps, conditioning.hidden_states.to(dtype)).sample

    def lora_targets(self, part: str, module: nn.Module) -> dict[str, TargetLayer]:
        return lora_targets(part, module)

    def lora_name(self, architecture: Sd1Architecture, part: str, path: str) -> str:
        return lora_name(part, path)


FAMILY = StableDiffusion1()
