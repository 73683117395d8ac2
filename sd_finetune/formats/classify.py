"""The kind of a model file and its base model, by the names and shapes of its tensors.

classify(file) -> (kind, base) of an opened TensorFile
in_words(kind, base) -> "an SDXL checkpoint"
refuse_unless(path, kind, family=None): UserError for anything but a file of this kind for a family
family_of_checkpoint(path, file) -> key of FAMILIES; UserError for anything but a checkpoint of one
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..families.recognition import (
    BASES,
    UNET,
    VAE,
    base_of_checkpoint,
    base_of_embedding,
    base_of_hypernetwork,
    base_of_lora,
    base_of_unet,
    is_transformer,
)
from ..families.table import DEFAULT_FAMILY, FAMILIES, supported_titles
from .embedding import vectors_of
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
LORA_PREFIXES = ("lora_", "lycoris_")
LORA_ENDINGS = (".lora_A.weight", ".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight")
"""Of LoRA files that diffusers and PEFT write, under the model's own names."""
EMBEDDING_NAMES = {"emb_params", "emp_params", "clip_l", "clip_g"}


def in_words(kind: str, base: str) -> str:
    """As in "an SDXL checkpoint" or "a LoRA for Stable Diffusion 1"."""
    if kind in ("checkpoint", "unet"):
        words = f"{BASES[base]} {KINDS[kind]}" if base else f"{KINDS[kind]} of an unknown base model"
    else:
        words = f"{KINDS[kind]} for {BASES[base]}" if base else KINDS[kind]
    return f"{'an' if words.startswith('SDXL') else 'a'} {words}"


def refuse_unless(path: Path, kind: str, family: FamilyFacts | None = None, called: str = "") -> None:
    """Raise UserError, saying what the file is, unless it is of this kind and may be for the family.

    Args:
        family: None for any supported one. A file whose base is unknown is accepted.
        called: the setting that names the file.
    """
    found, base = classify(read_tensors(path))
    wanted = {family.name} if family else set(FAMILIES)
    if found != kind or (base and base not in wanted):
        name = f"{called} = {path}" if called else str(path)
        titles = family.title if family else supported_titles()
        raise UserError(f"{name} is {in_words(found, base)}: choose a {KINDS[kind]} for {titles}.")


def family_of_checkpoint(path: Path, file: TensorFile) -> str:
    """The family of an opened checkpoint, a key of FAMILIES.

    Raises:
        UserError: it is not a checkpoint, or one of a family that is not supported; says what it is.
    """
    kind, base = classify(file)
    if kind != "checkpoint" or (base and base not in FAMILIES):
        raise UserError(
            f"{path} is {in_words(kind, base)}, and only {supported_titles()} checkpoints are supported: choose one of "
            "these."
        )
    return base or DEFAULT_FAMILY


def classify(file: TensorFile) -> tuple[str, str]:
    """Kind and base of a file, keys of KINDS and BASES."""
    shapes = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
    widths = [key for key in file.content if type(key) is int]
    if widths:
        return "hypernetwork", base_of_hypernetwork(widths)
    if "string_to_param" in file.content:
        shapes = {name: tuple(tensor.shape) for name, tensor in vectors_of(file).items()}
        return "embedding", base_of_embedding(shapes.values(), file.metadata)
    if any(name.startswith(LORA_PREFIXES) or name.endswith(LORA_ENDINGS) for name in shapes):
        return "lora", base_of_lora(shapes, file.metadata)
    if f"{UNET}input_blocks.0.0.weight" in shapes or is_transformer(shapes):
        return "checkpoint", base_of_checkpoint(shapes)
    if "down_blocks.0.resnets.0.conv1.weight" in shapes:
        return "unet", base_of_unet(shapes)
    if any(name.removeprefix(VAE) == "decoder.conv_in.weight" for name in shapes):
        return "vae", ""
    if shapes and (set(shapes) <= EMBEDDING_NAMES or (len(shapes) == 1 and _is_matrix(shapes.values()))):
        return "embedding", base_of_embedding(shapes.values(), file.metadata)
    return "unknown", ""


def _is_matrix(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(len(shape) in (1, 2) for shape in shapes)
