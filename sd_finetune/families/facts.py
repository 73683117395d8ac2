"""Facts about a model family: names, sizes, defaults. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryFacts:
    """Parameter counts at full size, for the VRAM estimate."""

    unet: int
    text_encoders: int
    vae: int
    unet_lora_per_rank: int
    """Parameters of a LoRA of the UNet for each rank."""
    text_encoders_lora_per_rank: int
    """The same of the text encoders."""
    hypernetwork: int
    """Parameters of a hypernetwork with the layer structure 1, 2, 1 for all context widths."""


@dataclass(frozen=True)
class FamilyFacts:
    """One row of `families.table`."""

    name: str
    """As in FAMILIES and `recognition.BASES`, and the name of the family's folder."""
    title: str
    """In sentences: "Stable Diffusion 1"."""
    version_on_cards: str
    """The WebUI's "sd version" of a LoRA's card."""
    native_resolution: int
    """Side of the images that the full-size model was trained on, in pixels."""
    text_encoders: tuple[str, ...]
    """The parts that encode prompts, in order."""
    part_prefixes: Mapping[str, str]
    """Beginning of each part's tensor names in a checkpoint."""
    lora_prefixes: Mapping[str, str]
    """Beginning of each trainable part's layer names in a LoRA file."""
    kohya_v2: bool
    """`ss_v2`: whether kohya's scripts train it as a Stable Diffusion 2."""
    kohya_versions: Mapping[str, str]
    """`ss_base_model_version` by prediction type."""
    modelspec_architecture: str
    """`modelspec.architecture` of a whole checkpoint."""
    memory: MemoryFacts

    @property
    def trainable_parts(self) -> tuple[str, ...]:
        """The parts that a method can train: the UNet and the text encoders."""
        return ("unet", *self.text_encoders)
