"""Which options a preset has: what makes a training what it is, and nothing of whose images or machine it is."""

from __future__ import annotations

from functools import cache
from typing import Literal

from ..settings.catalogue import Member, all_options

Part = Literal["training", "images", "around", "never"]
"""training: what decides how it learns; a preset that leaves such an option out asks for its default.
images: what follows from the images and the base checkpoint, such as how captions are read; a preset may say it, or
leave it as it is.
around: what is shown, saved and kept, and how a machine computes; likewise, and saved only if asked for.
never: paths, prompts, words and names, and which images there are."""

NEVER = {"base", "concepts"}
IMAGES = {"captions", "masks"}
OF_THE_BASE = {"train.clip_skip"}
AROUND = {"samples", "evaluation", "snapshots", "output", "class_images"}
"""Groups, but for OF_THE_BASE."""

MACHINE = {
    "train.device", "train.mixed_precision", "train.gradient_checkpointing", "train.weights", "train.frozen_weights",
    "train.fused_backward", "train.clip_by", "train.capture", "train.tf32", "train.compile", "train.attention",
    "train.check_vram", "train.devices", "ema.on_cpu", "data.cache_latents",
}  # fmt: skip
"""How a machine computes what would be the same on any other. Fit to this GPU chooses most of them."""
OF_A_RUN = {"train.seed", "textual_inversion.format"}
"""What a run is to be unlike another one in, and the form of its result."""

NO_WORDS = {
    "data.extra_resolutions", "lora.pattern", "lora.block_ranks", "lora.block_rates", "hypernetwork.sizes",
    "hypernetwork.layer_structure", "hypernetwork.dropout_structure",
}  # fmt: skip
"""Options whose value is a free text, which is not of anybody's images though: numbers and names of layers."""


def part_of(name: str) -> Part:
    """The part of an option, by its full name. A new one that takes a free text is in no preset unless it says so."""
    group, member = name.partition(".")[0], all_options()[name]
    if group in NEVER or _is_path_or_words(name, member):
        return "never"
    if group in AROUND or name in MACHINE or name in OF_A_RUN:
        return "around"
    return "images" if group in IMAGES or name in OF_THE_BASE else "training"


@cache
def options_of(method: str) -> dict[str, Part]:
    """The options that a preset for a method can have, by full name, without the method itself."""
    return {
        name: part
        for name, member in all_options().items()
        if name != "method" and method in member.methods and (part := part_of(name)) != "never"
    }


def _is_path_or_words(name: str, member: Member) -> bool:
    assert member.option is not None
    is_text = member.kind in (str, tuple[str, ...]) and not member.option.choices
    return member.option.is_path or (is_text and name not in NO_WORDS)
