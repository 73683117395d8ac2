"""Fits training to the VRAM of a GPU: the fastest settings that fit, with as many images in a step as before.

VRAM of a step (parameters of the model: `families.facts.MemoryFacts`): frozen weights in the precision of the
forward pass; trained ones in fp32 with their gradients and the optimizer's state; and for each image the activations
that the backward pass needs. That last figure is the difference between one image and two in the table of
ShivamShrirao's DreamBooth README (T4, 512 pixels, fp16, memory-efficient attention, 8-bit Adam): 9.92 and 10.4 GB with
gradient checkpointing, 11.17 and 13.67 GB without. Its five rows, one of them with AdamW, come out here within 9 %.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...families.facts import MemoryFacts
from ...families.table import DEFAULT_FAMILY, FAMILIES
from ...settings.methods import METHODS
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings
from ...settings.read import from_dict
from ..plain_settings import with_values
from .gpu import Gpu

GB = 1e9
BYTES_OF_PRECISION = {"no": 4, "fp16": 2, "bf16": 2}
TRAINED_BYTES = 8
"""Of a trained parameter: weight and gradient. The optimizer's state comes on top."""
IMAGE_GB = {False: 2.5, True: 0.48}
"""Activations of an image of 512 × 512 pixels at two bytes a value, without and with gradient checkpointing."""
OVERHEAD_GB = 0.6
"""The CUDA context, and fragmentation."""
USABLE = 0.94
"""Share of the VRAM: the rest is for the desktop and other programs."""
SMALLER_RESOLUTIONS = (448, 384, 320, 256)


@dataclass(frozen=True)
class Fit:
    """changes: values by the setting's full name, empty if none is to be changed. sentence: for the person."""

    changes: dict[str, Any]
    sentence: str


def fit(settings: dict[str, Any], gpu: Gpu | None) -> Fit:
    """What to change in valid settings for the GPU; batch size times gradient accumulation stays the same."""
    if gpu is None:
        return Fit({}, "PyTorch finds no GPU, so there is no VRAM to fit to: training runs on the CPU.")
    asked = from_dict(settings)
    if asked.train.device == "cpu":
        return Fit({}, 'train.device = "cpu" does not use the GPU: set it to "auto" to fit to the GPU.')
    usable = gpu.memory * USABLE
    for changes in _ways(asked, gpu):
        needed = needed_bytes(_settings_with(settings, changes))
        if needed <= usable:
            return Fit(_differences(settings, changes), _fits(gpu, needed, changes))
    return Fit({}, _too_small(settings, gpu, list(_ways(asked, gpu))[-1]))


def needed_bytes(settings: Settings, model: MemoryFacts = FAMILIES[DEFAULT_FAMILY].memory) -> float:
    """The most VRAM that training takes, estimated as in this module's docstring. model: the base's parameters."""
    train, width = settings.train, BYTES_OF_PRECISION[settings.train.mixed_precision]
    trained = _trained_parameters(settings, model)
    own = trained if METHODS[settings.method].changes_weights else 0
    frozen = model.unet + model.text_encoders + model.vae - own
    trained_bytes = TRAINED_BYTES + OPTIMIZERS[settings.optimizer.name].state_bytes
    images = train.batch_size * (2 if settings.prior_weight() > 0 else 1)
    activations = IMAGE_GB[train.gradient_checkpointing] * GB * width / 2 * (settings.data.resolution / 512) ** 2
    return frozen * width + trained * trained_bytes + images * activations + OVERHEAD_GB * GB


def _trained_parameters(settings: Settings, model: MemoryFacts) -> int:
    if METHODS[settings.method].changes_weights:
        return model.unet + model.text_encoders * settings.train.train_text_encoder
    lora_per_rank = model.unet_lora_per_rank + model.text_encoders_lora_per_rank * settings.train.train_text_encoder
    networks = {"lora": lora_per_rank * settings.lora.rank, "hypernetwork": model.hypernetwork}
    return networks.get(settings.method, 0)


def _ways(asked: Settings, gpu: Gpu) -> Iterator[dict[str, Any]]:
    """Ways to train, the best first: a larger batch is worth more than doing without gradient checkpointing."""
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


def _settings_with(settings: dict[str, Any], changes: dict[str, Any]) -> Settings:
    return from_dict(with_values(settings, changes))


def _differences(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that change something."""
    before = from_dict(settings)
    return {name: value for name, value in changes.items() if _value(before, name) != value}


def _value(settings: Settings, name: str) -> Any:
    group, _, option = name.partition(".")
    return getattr(getattr(settings, group), option)


def _fits(gpu: Gpu, needed: float, changes: dict[str, Any]) -> str:
    how = [
        f"batch size {changes['train.batch_size']}",
        changes["train.mixed_precision"],
        f"gradient checkpointing {'on' if changes['train.gradient_checkpointing'] else 'off'}",
    ]
    return f"Needs about {_gb(needed)} of VRAM, and {gpu.name} has {_gb(gpu.memory)}: {', '.join(how)}."


def _too_small(settings: dict[str, Any], gpu: Gpu, least: dict[str, Any]) -> str:
    """least: the way that needs the least."""
    asked = from_dict(settings)
    needed = _gb(needed_bytes(_settings_with(settings, least)))
    what = f"Method {asked.method} at {asked.data.resolution} × {asked.data.resolution} pixels"
    problem = f"{what} needs at least about {needed} of VRAM, and {gpu.name} has {_gb(gpu.memory)}"
    other = "train a LoRA instead" if asked.method == "dreambooth" else "use a GPU with more VRAM"
    for side in SMALLER_RESOLUTIONS:
        smaller = _settings_with(settings, {**least, "data.resolution": side})
        if side < asked.data.resolution and needed_bytes(smaller) <= gpu.memory * USABLE:
            return f"{problem}: set data.resolution to {side} and fit again, or {other}."
    return f"{problem}: {other}."


def _gb(count: float) -> str:
    """As the makers of GPUs count: 1 GB of VRAM is 2^30 bytes."""
    return f"{count / 2**30:.1f} GB"
