"""The kind of a model file and its base model, by the names and shapes of its tensors; needs no torch.

classify(layout) -> (kind, base) of a file
in_words(kind, base) -> "an SDXL checkpoint"
refuse_unless(path, kind, family=None): UserError for anything but a file of this kind for a family
family_of_checkpoint(path, layout) -> key of FAMILIES; UserError for anything but a checkpoint of one
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..families.recognition import (
    BASES,
    UNET,
    VAE,
    Shapes,
    base_of_checkpoint,
    base_of_embedding,
    base_of_hypernetwork,
    base_of_lora,
    base_of_unet,
    is_transformer,
)
from ..families.table import DEFAULT_FAMILY, FAMILIES, supported_titles
from ..reading.door import reader
from ..reading.layout import Layout, StoredTensor
from .base_file import base_layout
from .image_file import is_image

KINDS = {
    "checkpoint": "checkpoint",
    "unet": "UNet without VAE and text encoder",
    "vae": "VAE",
    "text encoder": "text encoder",
    "lora": "LoRA",
    "embedding": "textual inversion embedding",
    "hypernetwork": "hypernetwork",
    "controlnet": "ControlNet",
    "adapter": "T2I-Adapter",
    "ip-adapter": "IP-Adapter",
    "motion": "motion module of AnimateDiff",
    "upscaler": "upscaler",
    "optimizer": "optimizer state of another training",
    "unknown": "model of an unknown kind",
}
WORDS = "bundle_emb."
"""Begins the names of tensors of new words in the file of a LoRA."""
LORA_PREFIXES = ("lora_", "lycoris_", "oft_", WORDS)
LORA_WORDS = (
    ".lora_A.", ".lora_B.", ".lora.up.", ".lora.down.", "_lora.up.", "_lora.down.", ".lora_linear_layer.",
    ".lora_down.", ".lora_up.", ".hada_w1", ".lokr_w1", ".oft_blocks", ".oft_R.",
)  # fmt: skip
"""In names of LoRA files that diffusers, PEFT and others write, under the model's own names."""
EMBEDDING_NAMES = {"emb_params", "emp_params", "emp_params_out", "clip_l", "clip_g", "t5"}

# By names that only this kind has, the first that is found; a name with "*" before it is looked for anywhere in names.
MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("controlnet", ("control_model.", "controlnet_", "input_hint_block.", "lora_controlnet", "lllite_")),
    ("ip-adapter", ("ip_adapter", "image_proj")),
    ("motion", ("*motion_modules.",)),
    ("adapter", ("body.0.block1.", "adapter.body.0.", "adapter.")),
    ("upscaler", ("*.RDB1.", "*.rdb1.", "*.residual_group.", "conv_first.")),
)
LATER_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "text encoder",
        ("text_model.encoder.", "transformer.resblocks.", "conditioner.", "encoder.block.0.layer.0.SelfAttention."),
    ),
    ("optimizer", ("optimizer_state_dict", "param_groups")),
)


def in_words(kind: str, base: str) -> str:
    """As in "an SDXL checkpoint" or "a LoRA for Stable Diffusion 1"."""
    if kind == "checkpoint":
        words = f"{BASES[base]} {KINDS[kind]}" if base else f"{KINDS[kind]} of an unknown base model"
    elif kind == "unet":
        words = f"{BASES[base]} {KINDS[kind]}" if base else KINDS[kind]
    else:
        words = f"{KINDS[kind]} for {BASES[base]}" if base else KINDS[kind]
    return f"{'an' if words.startswith(('SD', 'SSD', 'AuraFlow', 'LTX', 'IP-', 'u', 'o')) else 'a'} {words}"


@reader
def refuse_unless(path: Path, kind: str, family: FamilyFacts | None = None, called: str = "") -> None:
    """Raise UserError, saying what the file is, unless it is of this kind and may be for the family.

    Args:
        family: None for any supported one. A file whose base is unknown is accepted.
        called: the setting that names the file.
    """
    found, base = classify(layout_of(path))
    wanted = {family.name} if family else set(FAMILIES)
    if found != kind or (base and base not in wanted):
        name = f"{called} = {path}" if called else str(path)
        titles = family.title if family else supported_titles()
        raise UserError(f"{name} is {in_words(found, base)}: choose a {KINDS[kind]} for {titles}.")


@reader
def layout_of(path: Path) -> Layout:
    """What is in a model file, also in an image with an embedding in it. Raises UserError as `base_layout`."""
    if not is_image(path):
        return base_layout(path)
    from .image_embedding import read_image  # which takes numpy and Pillow, that nothing else here needs

    return read_image(path)[0]


@reader
def family_of_checkpoint(path: Path, layout: Layout) -> str:
    """The family of a checkpoint, a key of FAMILIES.

    Raises:
        UserError: it is not a checkpoint, or one of a family that is not supported; says what it is.
    """
    kind, base = classify(layout)
    if kind != "checkpoint" or (base and base not in FAMILIES):
        raise UserError(
            f"{path} is {in_words(kind, base)}, and only {supported_titles()} checkpoints are supported: choose one of "
            "these."
        )
    return base or DEFAULT_FAMILY


def classify(layout: Layout) -> tuple[str, str]:
    """Kind and base of a file, keys of KINDS and BASES."""
    shapes = layout.shapes
    widths = [key for key in layout.content if type(key) is int]
    if widths:
        return "hypernetwork", base_of_hypernetwork(widths)
    if "string_to_param" in layout.content:
        return "embedding", base_of_embedding(_vector_shapes(layout), layout.metadata)
    if any(name.startswith(LORA_PREFIXES) or any(word in name for word in LORA_WORDS) for name in shapes):
        marked = _marked(shapes, MARKS)  # a Control-LoRA has layers of both
        layers = {name: shape for name, shape in shapes.items() if not name.startswith(WORDS)}
        return (marked, "") if marked == "controlnet" else ("lora", base_of_lora(layers, layout.metadata))
    if any(name.endswith((":up", ":down")) for name in shapes):
        return "lora", base_of_lora(shapes, layout.metadata)
    return _model_of(layout, shapes)


def _model_of(layout: Layout, shapes: Shapes) -> tuple[str, str]:
    """Of what is a model of its own."""
    marked = _marked([*shapes, *_names_below(layout.content)], MARKS)
    if marked:
        return marked, ""
    if f"{UNET}input_blocks.0.0.weight" in shapes or is_transformer(shapes):
        return "checkpoint", base_of_checkpoint(shapes)
    if "down_blocks.0.resnets.0.conv1.weight" in shapes or "input_blocks.0.0.weight" in shapes:
        return "unet", base_of_unet(shapes)
    if any(name.removeprefix(VAE).removeprefix("vae.") == "decoder.conv_in.weight" for name in shapes):
        return "vae", ""
    if shapes and (set(shapes) <= EMBEDDING_NAMES or (len(shapes) == 1 and _is_matrix(shapes.values()))):
        return "embedding", base_of_embedding(shapes, layout.metadata)
    return _marked([*shapes, *_names_below(layout.content)], LATER_MARKS) or "unknown", ""


def _marked(names: Iterable[str], marks: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """The kind whose mark is among the names, "" if none is."""
    known = list(names)
    for kind, words in marks:
        starts = tuple(word for word in words if not word.startswith("*"))
        inside = tuple(word[1:] for word in words if word.startswith("*"))
        if any(name.startswith(starts) or any(word in name for word in inside) for name in known):
            return kind
    return ""


def _names_below(content: Any) -> Iterator[str]:
    """Names of a pickle and of the tables in it, such as an upscaler's `params_ema`."""
    for name, value in content.items():
        if isinstance(name, str):
            yield name
        if isinstance(value, dict):
            yield from (inner for inner in cast("dict[Any, Any]", value) if isinstance(inner, str))


def _vector_shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Of an embedding in the WebUI's format, which has its tensors one level deeper."""
    inner: Any = layout.content["string_to_param"]
    values = cast("dict[Any, Any]", inner) if isinstance(inner, dict) else layout.tensors
    return {str(name): value.shape for name, value in values.items() if isinstance(value, StoredTensor)}


def _is_matrix(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(len(shape) in (1, 2) for shape in shapes)
