"""Chooses how to train within a GPU's memory: the fastest way that fits, with as many pictures in a step as before.

What a step holds, for Stable Diffusion 1.5 (parameters counted on its checkpoint): frozen weights in the format of the
forward pass; trained ones in fp32 with their gradients and the optimizer's state; and for each picture what the forward
pass keeps for the backward pass. That last figure is the difference between one picture and two in the table of
ShivamShrirao's DreamBooth README (T4, 512 pixels, fp16, memory-efficient attention, 8-bit Adam): 9.92 and 10.4 GB with
gradient checkpointing, 11.17 and 13.67 GB without. Its five rows, one of them with AdamW, come out here within 9 %.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings
from ...settings.read import from_dict
from .gpu import Gpu

GB = 1e9
UNET, TEXT_ENCODER, VAE = 859_520_964, 123_060_480, 83_653_863
"""Parameters."""
LORA_PARAMETERS_PER_RANK = 1_170_000
"""37 million at rank 32 on all linear and convolution layers (LyCORIS, docs/Guidelines.md: a file of 75 MB in fp16)."""
HYPERNETWORK_PARAMETERS = 22_000_000
"""Two layers of twice the width, for keys and values of the widths 320, 640, 768 and 1280."""
BYTES_OF_FORMAT = {"no": 4, "fp16": 2, "bf16": 2}
TRAINED_BYTES = 8
"""Of a trained parameter: weight and gradient. The optimizer's state comes on top."""
PICTURE_GB = {False: 2.5, True: 0.48}
"""Kept for a picture of 512 pixels in a format of two bytes, by gradient checkpointing."""
AROUND_GB = 0.6
"""CUDA's own context, and what lies between the blocks that are in use."""
USABLE = 0.94
"""Of the GPU's memory: the rest is the screen's and other programs'."""
SMALLER = (448, 384, 320, 256)


@dataclass(frozen=True)
class Fit:
    """changes: values by the setting's full name, none if nothing is to be changed. sentence: for the person."""

    changes: dict[str, Any]
    sentence: str


def fit(settings: dict[str, Any], gpu: Gpu | None) -> Fit:
    """What to change in valid settings for the GPU. Pictures in a step stay as many: batch size times accumulation."""
    if gpu is None:
        return Fit({}, "torch sees no GPU here, so there is no memory to fit to: training goes on the CPU.")
    asked = from_dict(settings)
    if asked.train.device == "cpu":
        return Fit({}, 'train.device = "cpu" leaves the GPU unused: set it to "auto" to fit to the GPU.')
    room = gpu.memory * USABLE
    for changes in _ways(asked, gpu):
        needed = needed_bytes(_with(settings, changes))
        if needed <= room:
            return Fit(_news(settings, changes), _fits(gpu, needed, changes))
    return Fit({}, _too_small(settings, gpu, list(_ways(asked, gpu))[-1], room))


def needed_bytes(settings: Settings) -> float:
    """The GPU memory that training takes at most, as this module's docstring reckons it."""
    train, method = settings.train, settings.method
    width = BYTES_OF_FORMAT[train.mixed_precision]
    trained = {"lora": LORA_PARAMETERS_PER_RANK * settings.lora.rank, "hypernetwork": HYPERNETWORK_PARAMETERS}
    learned = UNET + TEXT_ENCODER * train.train_text_encoder if method == "dreambooth" else trained.get(method, 0)
    frozen = UNET + TEXT_ENCODER + VAE - (learned if method == "dreambooth" else 0)
    pictures = train.batch_size * (2 if settings.prior_weight() > 0 else 1)
    kept = PICTURE_GB[train.gradient_checkpointing] * GB * width / 2 * (settings.data.resolution / 512) ** 2
    trained_bytes = TRAINED_BYTES + OPTIMIZERS[settings.optimizer.name].state_bytes
    return frozen * width + learned * trained_bytes + pictures * kept + AROUND_GB * GB


def _ways(asked: Settings, gpu: Gpu) -> Iterator[dict[str, Any]]:
    """Ways to train, the most wanted first: a larger batch is worth more than doing without checkpointing."""
    in_a_step = asked.train.batch_size * asked.train.gradient_accumulation_steps
    batches = [size for size in range(in_a_step, 0, -1) if in_a_step % size == 0]
    encoders = [True, False] if asked.train.train_text_encoder else [False]
    for encoder, batch, checkpointing in itertools.product(encoders, batches, (False, True)):
        yield {
            "train.mixed_precision": "bf16" if gpu.bf16 else "fp16",
            "train.train_text_encoder": encoder,
            "train.batch_size": batch,
            "train.gradient_accumulation_steps": in_a_step // batch,
            "train.gradient_checkpointing": checkpointing,
            "data.cache_latents": True,
        }


def _with(settings: dict[str, Any], changes: dict[str, Any]) -> Settings:
    changed = copy.deepcopy(settings)
    for name, value in changes.items():
        group, _, option = name.partition(".")
        changed.setdefault(group, {})[option] = value
    return from_dict(changed)


def _news(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that change something."""
    before = from_dict(settings)
    return {name: value for name, value in changes.items() if _value(before, name) != value}


def _value(settings: Settings, name: str) -> Any:
    group, _, option = name.partition(".")
    return getattr(getattr(settings, group), option)


def _fits(gpu: Gpu, needed: float, changes: dict[str, Any]) -> str:
    words = [
        f"batches of {changes['train.batch_size']}",
        changes["train.mixed_precision"],
        f"gradient checkpointing {'on' if changes['train.gradient_checkpointing'] else 'off'}",
    ]
    return f"About {_gb(needed)} of the {_gb(gpu.memory)} of {gpu.name}: {', '.join(words)}."


def _too_small(settings: dict[str, Any], gpu: Gpu, least: dict[str, Any], room: float) -> str:
    """least: the way that needs the least."""
    whole = from_dict(settings)
    need = needed_bytes(_with(settings, least))
    start = f"{whole.method} at {whole.data.resolution} pixels needs about {_gb(need)} at the least, and {gpu.name} has"
    other = "train a LoRA" if whole.method == "dreambooth" else "use a larger one"
    for side in SMALLER:
        smaller = {**least, "data.resolution": side}
        if side < whole.data.resolution and needed_bytes(_with(settings, smaller)) <= room:
            return f"{start} {_gb(gpu.memory)}: set data.resolution to {side} and fit again, or {other}."
    return f"{start} {_gb(gpu.memory)}: {other}."


def _gb(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
