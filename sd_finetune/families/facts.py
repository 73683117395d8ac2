"""Facts about a model family: names, sizes, defaults. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from .lora_layers import LayerAt, LoraLayers
from .presets import PresetTable


@dataclass(frozen=True)
class Activations:
    """Bytes that a step holds at most beside weights and gradients for each image of 512 × 512 pixels.

    By what is trained; the second of each pair is with gradient checkpointing. `benchmarks/activations.py` counts them.
    """

    word: tuple[int, int]
    """Of UNet and text encoders, where a new word is trained."""
    lora: tuple[int, int]
    hypernetwork: tuple[int, int]
    weights: tuple[int, int]
    """Where all weights of the UNet are trained."""
    text_encoders: tuple[int, int]
    """Beside that of the UNet, where text encoders are trained too."""

    def scaled(self, share: float) -> Activations:
        """Of a smaller model."""
        return Activations(**{each.name: _scaled(getattr(self, each.name), share) for each in fields(self)})


@dataclass(frozen=True)
class MemoryFacts:
    """Parameter counts and activations at full size, for the VRAM estimate."""

    unet: int
    text_encoders: int
    vae: int
    lora_layers: tuple[LoraLayers, ...]
    """The layers that a LoRA can stand beside."""
    hypernetwork: int
    """Parameters of a hypernetwork with the layer structure 1, 2, 1 for all context widths."""
    largest: int
    """Values of the largest parameter."""
    in_half: Activations
    """With a forward pass in bf16 or fp16."""
    in_full: Activations
    """With one in fp32."""
    denoising: tuple[int, int]
    """Bytes at most for each image of 512 × 512 pixels that is generated, with guidance: in half precision, in fp32."""
    decoding: tuple[int, int]
    """The same while the VAE decodes it."""
    encoding: tuple[int, int]
    """The same while the VAE encodes one."""
    scores: tuple[int, int]
    """Values of the UNet's attention scores for an image of 512 × 512 pixels, without and with checkpointing."""
    presets: PresetTable
    """What to set on GPUs of each size."""
    layers: tuple[LayerAt, ...] = ()
    """Those of `lora_layers` one by one, of a checkpoint that is known."""
    lora_share: float = 1.0
    """Of what a LoRA has beside `lora_layers`, the share that it has here."""

    def of_size(self, unet: int, text_encoders: int, vae: int) -> MemoryFacts:
        """The same of a smaller model with so many parameters: everything else by the UNet's share."""
        share = min(unet / self.unet, 1)
        if share > 0.99:
            return replace(self, unet=unet, text_encoders=text_encoders, vae=vae)
        return MemoryFacts(
            unet,
            text_encoders,
            vae,
            lora_layers=self.lora_layers,
            lora_share=self.lora_share * share,
            hypernetwork=round(self.hypernetwork * share),
            largest=round(self.largest * share),
            in_half=self.in_half.scaled(share),
            in_full=self.in_full.scaled(share),
            denoising=_scaled(self.denoising, share),
            decoding=_scaled(self.decoding, share),
            encoding=_scaled(self.encoding, share),
            scores=_scaled(self.scores, share),
            presets=self.presets,
        )


def _scaled(pair: tuple[int, int], share: float) -> tuple[int, int]:
    return round(pair[0] * share), round(pair[1] * share)


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
    part_titles: Mapping[str, str]
    """Each part in sentences: "VAE"."""
    lora_prefixes: Mapping[str, str]
    """Beginning of each trainable part's layer names in a LoRA file."""
    lora_implementation: str
    """`modelspec.implementation` of a LoRA: the program whose names its layers have."""
    embedding_names: Mapping[str, str]
    """Name of each text encoder's vectors in an embedding file."""
    kohya_v2: bool
    """`ss_v2`: whether kohya's scripts train it as a Stable Diffusion 2."""
    kohya_versions: Mapping[str, str]
    """`ss_base_model_version` by prediction type."""
    modelspec_architecture: str
    """`modelspec.architecture` of a whole checkpoint."""
    pipelines: tuple[str, ...]
    """diffusers' classes that generate with it; the first is that of what is saved."""
    memory: MemoryFacts
    size_ids: bool = False
    """Whether the UNet is told an image's size and what was cropped of it, as in `TextConditioning.size_ids`."""
    zeroes_empty_negative: bool = False
    """Whether an empty negative prompt is zeros instead of what the text encoders make of it."""
    has_clip_skip: bool = True
    """Whether the layer of the text encoder whose states are used can be chosen."""
    learning_rates: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Where they are others than the method's own, as `settings.base_defaults.BaseDefaults` has them."""

    def clip_skip_fault(self, clip_skip: int, layers: int, called: str) -> str:
        """A sentence where there is nothing to skip, or no such layer; "" where there is. called: the option.

        layers: of the first text encoder.
        """
        if self.has_clip_skip and clip_skip > layers:
            return (
                f"{called} = {clip_skip} is out of range for this checkpoint, whose text encoder has "
                f"{layers} layer{'s' * (layers > 1)}: use a whole number from 1 to {layers}."
            )
        if clip_skip == 1 or self.has_clip_skip:
            return ""
        return (
            f"{called} = {clip_skip} has no effect on {self.title}, whose text encoders are always read at the layer "
            "before the last, as in the WebUI and in what is called clip skip 2 elsewhere: set it to 1."
        )

    @property
    def trainable_parts(self) -> tuple[str, ...]:
        """The parts that a method can train: the UNet and the text encoders."""
        return ("unet", *self.text_encoders)
