"""Says what a model file is and for which base, by the names and shapes of its tensors.

identify(path) -> Description(name, kind, base, details, derivation, training), .text for a person
classify(file) -> (kind, base) of an opened TensorFile
refuse_unless(path, kind): UserError for anything but a file of this kind for Stable Diffusion 1
refuse_unless_sd1(path, file): UserError for anything but a Stable Diffusion 1 checkpoint
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .embedding import vectors_of
from .summary import derivation_of, details_of, training_of
from .tensor_file import TensorFile, read_tensors

KINDS = {
    "checkpoint": "checkpoint",
    "unet": "diffusers UNet",
    "vae": "VAE",
    "lora": "LoRA",
    "embedding": "textual inversion embedding",
    "hypernetwork": "hypernetwork",
    "unknown": "model of an unknown kind",
}
BASES = {
    "sd1": "Stable Diffusion 1",
    "sd1-inpainting": "Stable Diffusion 1 inpainting",
    "sd1-pix2pix": "Stable Diffusion 1 pix2pix",
    "sd2": "Stable Diffusion 2",
    "sdxl": "SDXL",
    "sd3": "Stable Diffusion 3",
    "flux": "Flux",
}
"""Values of `base` and how they are called; "" when it cannot be told."""

LORA_PREFIXES = ("lora_", "lycoris_")
LORA_ENDINGS = (".lora_A.weight", ".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight")
"""Of LoRA files that diffusers and PEFT write, under the model's own names."""
EMBEDDING_NAMES = {"emb_params", "emp_params", "clip_l", "clip_g"}

CONTEXT_BASES = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""Width of the text encoder's output, which the UNet's cross-attention reads."""
EMBEDDING_BASES = {768: "sd1", 1024: "sd2", 1280: "sdxl"}
METADATA_BASES = {
    "sd_v1": "sd1", "sd_v2": "sd2", "sdxl": "sdxl", "sd3": "sd3", "flux": "flux",
    "stable-diffusion-v1": "sd1", "stable-diffusion-v2": "sd2", "stable-diffusion-xl": "sdxl",
    "stable-diffusion-3": "sd3",
}  # fmt: skip
"""Beginnings of `ss_base_model_version` and `modelspec.architecture`."""

UNET = "model.diffusion_model."


@dataclass(frozen=True)
class Description:
    """What a file is. `kind` and `base` are keys of KINDS and BASES; base is "" when it cannot be told."""

    name: str
    kind: str
    base: str
    details: dict[str, str]
    """What its tensors say: rank, precision, missing parts."""
    derivation: dict[str, str]
    """Where a command made it from other files: which one, and of what."""
    training: dict[str, str]
    """What its metadata says of how it, or what it was made from, was trained."""

    @property
    def text(self) -> str:
        """A few lines for a person."""
        lines = [f"{self.name}: {in_words(self.kind, self.base)}"]
        lines += [f"  {name}: {value}" for name, value in self.details.items()]
        heading = "Before that:" if self.derivation else "Made with:"
        for title, facts in (("Made from other files:", self.derivation), (heading, self.training)):
            lines += [title, *(f"  {name}: {value}" for name, value in facts.items())] if facts else []
        return "\n".join(lines)


def identify(path: Path) -> Description:
    """Describe a checkpoint, LoRA, embedding, hypernetwork or VAE.

    Raises:
        UserError: the file is missing, damaged, or neither a .safetensors nor a safe pickle.
    """
    file = read_tensors(path)
    kind, base = classify(file)
    return Description(
        path.name, kind, base, details_of(kind, file), derivation_of(file.metadata), training_of(file.metadata)
    )


def in_words(kind: str, base: str) -> str:
    """As in "an SDXL checkpoint" or "a LoRA for Stable Diffusion 1"."""
    if kind in ("checkpoint", "unet"):
        words = f"{BASES[base]} {KINDS[kind]}" if base else f"{KINDS[kind]} of an unknown base"
    else:
        words = f"{KINDS[kind]} for {BASES[base]}" if base else KINDS[kind]
    return f"{'an' if words.startswith('SDXL') else 'a'} {words}"


def refuse_unless(path: Path, kind: str, called: str = "") -> None:
    """Raise UserError, saying what the file is, unless it is of this kind and may be for Stable Diffusion 1.

    called: the setting that names it.
    """
    found, base = classify(read_tensors(path))
    if found != kind or base not in ("sd1", ""):
        name = f"{called} = {path}" if called else str(path)
        raise UserError(
            f"{name} is {in_words(found, base)}: only {KINDS[kind]}s for Stable Diffusion 1 can be used here."
        )


def refuse_unless_sd1(path: Path, file: TensorFile) -> None:
    """Raise UserError, saying what the file is, unless it is a Stable Diffusion 1 checkpoint."""
    kind, base = classify(file)
    if kind != "checkpoint" or base not in ("sd1", ""):
        raise UserError(
            f"{path} is {in_words(kind, base)}, and only Stable Diffusion 1 checkpoints can be used "
            "here: choose one of these."
        )


def classify(file: TensorFile) -> tuple[str, str]:
    """Kind and base of a file, keys of KINDS and BASES."""
    shapes = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
    widths = [key for key in file.content if type(key) is int]
    if widths:
        return "hypernetwork", _base_of_hypernetwork(widths)
    if "string_to_param" in file.content:
        shapes = {name: tuple(tensor.shape) for name, tensor in vectors_of(file).items()}
        return "embedding", _base_of_embedding(shapes.values(), file.metadata)
    if any(name.startswith(LORA_PREFIXES) or name.endswith(LORA_ENDINGS) for name in shapes):
        return "lora", _base_of_lora(shapes, file.metadata)
    for block, base in (("joint_blocks.0.", "sd3"), ("double_blocks.0.", "flux")):
        if any(name.removeprefix(UNET).startswith(block) for name in shapes):
            return "checkpoint", base
    if f"{UNET}input_blocks.0.0.weight" in shapes:
        return "checkpoint", _base_of_checkpoint(shapes)
    if "down_blocks.0.resnets.0.conv1.weight" in shapes:
        return "unet", CONTEXT_BASES.get(_context_width(shapes), "")
    if any(name.removeprefix("first_stage_model.") == "decoder.conv_in.weight" for name in shapes):
        return "vae", ""
    if shapes and (set(shapes) <= EMBEDDING_NAMES or (len(shapes) == 1 and _is_matrix(shapes.values()))):
        return "embedding", _base_of_embedding(shapes.values(), file.metadata)
    return "unknown", ""


def _is_matrix(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(len(shape) in (1, 2) for shape in shapes)


def _base_of_hypernetwork(widths: Iterable[int]) -> str:
    # The other widths (320, 640, 1280) are those of the picture's own attention in both.
    return next((EMBEDDING_BASES[width] for width in (768, 1024) if width in set(widths)), "")


def _base_of_embedding(shapes: Iterable[tuple[int, ...]], metadata: dict[str, str]) -> str:
    by_width = EMBEDDING_BASES.get(max((shape[-1] for shape in shapes), default=0), "")
    return by_width or _told_base(metadata)


def _base_of_checkpoint(shapes: dict[str, tuple[int, ...]]) -> str:
    if _has(shapes, "conditioner.embedders."):
        return "sdxl"
    if _has(shapes, "cond_stage_model.model."):
        return "sd2"
    base = "sd1" if _has(shapes, "cond_stage_model.transformer.") else CONTEXT_BASES.get(_context_width(shapes), "")
    channels = shapes[f"{UNET}input_blocks.0.0.weight"][1]
    return base + {9: "-inpainting", 8: "-pix2pix"}.get(channels, "") if base == "sd1" else base


def _base_of_lora(shapes: dict[str, tuple[int, ...]], metadata: dict[str, str]) -> str:
    names = " ".join(shapes)
    for part, base in (("double_blocks", "flux"), ("single_transformer", "flux"), ("joint_blocks", "sd3")):
        if part in names:
            return base
    by_width = CONTEXT_BASES.get(_context_width(shapes), "")
    if by_width or _has(shapes, "lora_te2_"):
        return by_width or "sdxl"
    return _told_base(metadata)


def _told_base(metadata: dict[str, str]) -> str:
    told = [metadata.get(name, "") for name in ("ss_base_model_version", "modelspec.architecture")]
    return next((base for start, base in METADATA_BASES.items() for text in told if text.startswith(start)), "")


def _context_width(shapes: dict[str, tuple[int, ...]]) -> int:
    """Input width of the cross-attention's keys, of a model or of the LoRA layers beside them; 0 if there is none."""
    for name, shape in shapes.items():
        is_key = "attn2_to_k" in name or "attn2.to_k" in name
        if is_key and len(shape) == 2 and not name.endswith(("up.weight", "lora_B.weight")):
            return shape[1]
    return 0


def _has(shapes: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)
