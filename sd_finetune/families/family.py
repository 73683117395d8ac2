"""The protocol of a model family: everything that differs between kinds of checkpoints.

A family is a folder (`families/sd1`) with an object `FAMILY` in its `family.py` and a row of facts in `families.table`.
Nothing outside of this package asks which family it is; it asks the family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

from ..diffusion.noising import PredictionType
from ..diffusion.schedule import schedule_on
from ..settings.prompt_reading import PLAIN, PromptReading
from .conditioning import TextConditioning, join_conditioning
from .facts import FamilyFacts
from .place import Place
from .placeholder_tokens import NewWord
from .recognition import Shapes
from .table import FAMILIES

TargetLayer = nn.Linear | nn.Conv2d
"""A layer that a LoRA can stand beside."""
LayerKind = Literal["attention", "mlp", "convolutions", "rest"]
"""Where it is: an attention's projections; what else is in attention blocks and text encoders; residual blocks and
samplers of the UNet; what comes before and after its blocks."""


class Architecture(Protocol):
    """The sizes of a model and the numbers that training needs, as read from a checkpoint and its config."""

    @property
    def prediction_type(self) -> PredictionType: ...
    @property
    def zero_terminal_snr(self) -> bool:
        """Whether nothing of the image is left at the last timestep (arXiv 2305.08891)."""
        ...

    @property
    def scale_factor(self) -> float:
        """Factor between the output of the VAE's encoder and latents (arXiv 2112.10752, appendix G)."""
        ...

    @property
    def image_size(self) -> int:
        """Side of the images that the model was trained on, in latent pixels (8 pixels each)."""
        ...

    @property
    def sizes(self) -> Mapping[str, object]:
        """Part to a dataclass of its widths and depths."""
        ...


class CheckpointTensors(Protocol):
    """The tensors to build a model from; `formats.checkpoint.Checkpoint` is one."""

    @property
    def family(self) -> Family: ...
    @property
    def architecture(self) -> Any: ...
    @property
    def path(self) -> Path: ...
    @cached_property  # as in `Checkpoint`: pyright takes none for a property
    def parts(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Part to the module's tensor name to tensor."""
        ...

    @property
    def places(self) -> Mapping[str, Mapping[str, Place]]:
        """Part to the module's tensor name to where it stands in the file."""
        ...


@dataclass(frozen=True)
class Modules:
    """The modules of a model, without weights, and its tokenizers."""

    unet: Any
    vae: Any
    text_encoders: Mapping[str, Any]
    tokenizers: Mapping[str, Any]

    def by_part(self) -> dict[str, nn.Module]:
        """Part name to module."""
        return {"unet": self.unet, "vae": self.vae, **self.text_encoders}


class Family(Protocol):
    """One model family. `architecture` is always of the family's own kind."""

    facts: FamilyFacts

    # --- checkpoint files

    def usual_name(self, file_name: str) -> str:
        """The usual name of a tensor that has another one in some files."""
        ...

    def name_table(self, architecture: Any) -> dict[str, dict[str, Place]]:
        """Part to the module's tensor name to its place in a checkpoint, for all tensors of the modules."""
        ...

    def module_shape(self, part: str, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a tensor in its module, given the shape of what is taken from its place in a file."""
        ...

    def file_shape(self, usual_name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a tensor in a file, given its shape in the module."""
        ...

    def infer_architecture(self, shapes: Shapes, yaml_text: str | None, folder: Path | None) -> Architecture:
        """The sizes of a checkpoint from its tensors (usual names) and, for the rest, from its config.

        Raises:
            UserError: config and tensors contradict each other, or the number of attention heads is unknown.
            KeyError: a tensor is missing from which a size is read.
        """
        ...

    def to_yaml(self, architecture: Any) -> str:
        """The config that goes beside a checkpoint, as the WebUI reads it."""
        ...

    def write_pipeline_files(self, architecture: Any, folder: Path, scheduler: Mapping[str, Any] | None = None) -> None:
        """Write into a folder what a model in diffusers' layout has beside its weights.

        scheduler: the settings of the base's own, kept if they suit the model.
        """
        ...

    def constant_tensors(self, architecture: Any) -> dict[str, Tensor]:
        """The other tensors of a checkpoint: noise schedule, position ids."""
        ...

    def with_prediction_type(self, architecture: Any, prediction_type: PredictionType) -> Architecture:
        """The same sizes with another prediction type, from a file's metadata."""
        ...

    # --- the model

    def import_libraries(self) -> None:
        """Import the libraries that the modules come from, which `empty_modules` does otherwise."""
        ...

    def empty_modules(self, architecture: Any) -> Modules:
        """The modules without weights, on the device "meta"; buffers that are not weights are real."""
        ...

    def alphas_cumprod(self, architecture: Any) -> Tensor:
        """The noise schedule: (timesteps,), float64."""
        ...

    def encode_prompts(
        self, model: DiffusionModel, prompts: Sequence[str], reading: PromptReading
    ) -> list[TextConditioning]:
        """The UNet's conditioning on each of the prompts, one row of its own length.

        With gradients where the text encoder or a new word is trained.
        """
        ...

    def predict(
        self, model: DiffusionModel, noisy_latents: Tensor, timesteps: Tensor, conditioning: TextConditioning
    ) -> Tensor:
        """The UNet's prediction (noise or v), (batch, 4, height/8, width/8), in the UNet's precision."""
        ...

    # --- networks beside the model

    def lora_targets(self, part: str, module: nn.Module, convolutions: bool = False) -> dict[str, TargetLayer]:
        """The layers of a part that a LoRA trains, by path.

        convolutions: also those of the UNet's residual blocks and samplers.
        """
        ...

    def layer_kind(self, part: str, path: str) -> LayerKind | None:
        """Of a layer by its path in the module of a part; None for one that no program gives a LoRA."""
        ...

    def lora_name(self, architecture: Any, part: str, path: str) -> str:
        """The name in a LoRA file (kohya's layout) of the layer at `path` in the module of a part."""
        ...

    def usual_lora_name(self, architecture: Any, name: str) -> str:
        """The name by `lora_name` of a layer that has another one in some LoRA files; others as they are."""
        ...


@dataclass
class DiffusionModel:
    """The modules of one checkpoint, ready to be trained or to generate images."""

    family: Family
    architecture: Architecture
    unet: Any
    vae: Any
    text_encoders: Mapping[str, Any]
    """By part, in the family's order."""
    tokenizers: Mapping[str, Any]
    alphas_cumprod: Tensor
    """(timesteps,), float64, on the CPU until `to` moves it."""
    new_words: tuple[NewWord, ...] = ()
    """Words with vectors of their own that are attached to the text encoder (`networks.new_words`)."""
    word_tokens: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """Token ids of the texts that were tokenized so far, which takes a millisecond each time."""

    @property
    def prediction_type(self) -> PredictionType:
        return self.architecture.prediction_type

    @property
    def scale_factor(self) -> float:
        return self.architecture.scale_factor

    @property
    def native_side(self) -> int:
        """Side of the images that the model was trained on, in pixels."""
        return self.architecture.image_size * 8

    @property
    def text_encoder(self) -> Any:
        """The first text encoder, which gets the vectors of new words."""
        return self.text_encoders[self.family.facts.text_encoders[0]]

    @property
    def tokenizer(self) -> Any:
        """The first text encoder's."""
        return self.tokenizers[self.family.facts.text_encoders[0]]

    def module(self, part: str) -> nn.Module:
        """The module of a part: "unet", "vae" or a text encoder's name."""
        return {"unet": self.unet, "vae": self.vae, **self.text_encoders}[part]

    def place_of(self, part: str) -> tuple[torch.device, torch.dtype]:
        """Device and precision of a part's module."""
        module = cast("Any", self.module(part))
        return module.device, module.dtype

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all parts that have modules."""
        return ("unet", "vae", *self.text_encoders)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move and cast all modules, each to its `precision_of`."""
        for part in self.parts:
            self.module(part).to(device, precision_of(part, dtype, device))
        self.alphas_cumprod = schedule_on(device, self.alphas_cumprod)

    def encode_each(self, prompts: Sequence[str], reading: PromptReading = PLAIN) -> list[TextConditioning]:
        """As `Family.encode_prompts`."""
        return self.family.encode_prompts(self, prompts, reading)

    def encode_prompts(self, prompts: Sequence[str], reading: PromptReading = PLAIN) -> TextConditioning:
        """A row for each of the prompts, at least one."""
        return join_conditioning(self.encode_each(prompts, reading))

    def predict(self, noisy_latents: Tensor, timesteps: Tensor, conditioning: TextConditioning) -> Tensor:
        """As `Family.predict`."""
        return self.family.predict(self, noisy_latents, timesteps, conditioning)


def precision_of(part: str, dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """What a part computes in on `device` where the model does in `dtype`.

    The VAE never in float16, in which SD1's overflows: of half precisions in bfloat16, on GPUs that compute in it, and
    in float32 elsewhere.
    """
    if part != "vae" or dtype not in (torch.float16, torch.bfloat16):
        return dtype
    return torch.bfloat16 if _computes_in_bf16(device) else torch.float32


def _computes_in_bf16(device: torch.device) -> bool:
    """Whether it does so by itself: torch says yes for older GPUs too, which it then lets convert at each step."""
    there = device.type == "cuda" and torch.cuda.is_available()
    return there and torch.cuda.get_device_capability(device) >= (8, 0)


def family_called(name: str) -> Family:
    """The family of this name, a key of FAMILIES."""
    assert name in FAMILIES
    return import_module(f".{name}.family", __package__).FAMILY


def import_libraries() -> None:
    """Import now what the modules of every family come from."""
    for name in FAMILIES:
        family_called(name).import_libraries()


def target_layers(module: nn.Module) -> dict[str, TargetLayer]:
    """All layers in a module that a LoRA can stand beside, by path."""
    named: Iterable[tuple[str, nn.Module]] = cast("Any", module).named_modules()  # which torch gives no type
    return {path: layer for path, layer in named if isinstance(layer, (nn.Linear, nn.Conv2d))}
