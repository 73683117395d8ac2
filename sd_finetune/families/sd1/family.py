"""Stable Diffusion 1 as a `Family`; the work is done in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

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
from . import keys, ldm_config
from .architecture import Sd1Architecture
from .clip_states import encode_in_chunks
from .constant_tensors import constant_tensors
from .facts import SD1
from .infer_sizes import infer_architecture
from .targets import lora_name, usual_lora_name


class StableDiffusion1:
    """See `Family`."""

    facts = SD1

    def usual_name(self, file_name: str) -> str:
        return keys.usual_spelling(file_name)

    def name_table(self, architecture: Sd1Architecture) -> dict[str, dict[str, Place]]:
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

    def write_pipeline_files(
        self, architecture: Sd1Architecture, folder: Path, scheduler: Mapping[str, Any] | None = None
    ) -> None:
        from ..ldm.pipeline_files import write_pipeline_files  # imports diffusers, as above

        modules = self.empty_modules(architecture)
        write_pipeline_files(folder, SD1.pipelines[0], modules, architecture, scheduler)

    def alphas_cumprod(self, architecture: Sd1Architecture) -> Tensor:
        return scaled_linear_alphas_cumprod(
            architecture.linear_start, architecture.linear_end, architecture.timesteps, architecture.zero_terminal_snr
        )

    def encode_prompts(
        self, model: DiffusionModel, prompts: Sequence[str], reading: PromptReading
    ) -> list[TextConditioning]:
        """Hidden states of the text encoder after its last norm, (1, 77 for each chunk, context width)."""
        return [TextConditioning(states) for states in encode_in_chunks(model, prompts, reading)]

    def predict(
        self, model: DiffusionModel, noisy_latents: Tensor, timesteps: Tensor, conditioning: TextConditioning
    ) -> Tensor:
        dtype = model.unet.dtype
        states = conditioning.hidden_states.to(dtype)
        answer = model.unet(noisy_latents.to(dtype), timesteps, states, encoder_attention_mask=conditioning.mask)
        return answer.sample

    def lora_targets(self, part: str, module: nn.Module, convolutions: bool = False) -> dict[str, TargetLayer]:
        return lora_targets(part, module, convolutions)

    def layer_kind(self, part: str, path: str) -> LayerKind | None:
        return layer_kind(part, path)

    def lora_name(self, architecture: Sd1Architecture, part: str, path: str) -> str:
        return lora_name(part, path)

    def usual_lora_name(self, architecture: Sd1Architecture, name: str) -> str:
        return usual_lora_name(architecture, name)


FAMILY = StableDiffusion1()
