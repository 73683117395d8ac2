"""The VRAM that training takes.

A step holds (parameters of the model: `families.facts.MemoryFacts`) frozen weights in the precision of the forward
pass, without those that wait in RAM (`training.placement`); trained weights in their own precision, with gradients and
the optimizer's state; and for each image the activations that the backward pass needs. That last figure is the
difference between one image and two in the table of ShivamShrirao's DreamBooth README (T4, 512 pixels, fp16,
memory-efficient attention, 8-bit Adam): 9.92 and 10.4 GB with gradient checkpointing, 11.17 and 13.67 GB without. Its
five rows, one of them with AdamW, come out here within 9 %.
"""

from __future__ import annotations

from ...families.facts import MemoryFacts
from ...families.table import DEFAULT_FAMILY, FAMILIES
from ...settings.methods import METHODS
from ...settings.optimizers import OPTIMIZERS
from ...settings.options import Settings

GB = 1e9
BYTES_OF_PRECISION = {"no": 4, "fp16": 2, "bf16": 2}
"""Of a frozen weight, by `train.mixed_precision`."""
BYTES_OF_WEIGHT = {"fp32": 4, "bf16": 2}
"""Of a trained weight and of its gradient, by `train.weights`."""
IMAGE_GB = {False: 2.5, True: 0.48}
"""Activations of an image of 512 × 512 pixels at two bytes a value, without and with gradient checkpointing."""
PORTION_GB = 0.5
"""Trained weights of the model that are in fp32 while they are stepped a few at a time (`training.step.updates`)."""
OVERHEAD_GB = 0.6
"""The CUDA context, and fragmentation."""


def needed_bytes(settings: Settings, model: MemoryFacts = FAMILIES[DEFAULT_FAMILY].memory) -> float:
    """The most VRAM that training takes, estimated as in this module's docstring. model: the base's parameters."""
    train, width = settings.train, BYTES_OF_PRECISION[settings.train.mixed_precision]
    trained = _trained_parameters(settings, model) * _trained_bytes(settings)
    images = train.batch_size * (2 if settings.prior_weight() > 0 else 1)
    activations = IMAGE_GB[train.gradient_checkpointing] * GB * width / 2 * (settings.data.resolution / 512) ** 2
    portions = METHODS[settings.method].changes_weights and (train.weights == "bf16" or train.fused_backward)
    fixed = (OVERHEAD_GB + PORTION_GB * portions) * GB
    return _frozen_parameters(settings, model) * width + trained + images * activations + fixed


def _trained_parameters(settings: Settings, model: MemoryFacts) -> int:
    if METHODS[settings.method].changes_weights:
        return model.unet + model.text_encoders * settings.train.train_text_encoder
    lora_per_rank = model.unet_lora_per_rank + model.text_encoders_lora_per_rank * settings.train.train_text_encoder
    networks = {"lora": lora_per_rank * settings.lora.rank, "hypernetwork": model.hypernetwork}
    return networks.get(settings.method, 0)


def _trained_bytes(settings: Settings) -> float:
    """VRAM of a trained parameter: its weight, its gradient or its copy for the forward pass, and what is kept of it.

    The backward pass uses copies up as it makes gradients, so that there are never all of both.
    """
    train = settings.train
    weight, width = BYTES_OF_WEIGHT[train.weights], BYTES_OF_PRECISION[train.mixed_precision]
    gradient = 0 if train.fused_backward else weight
    copy = width if width < weight else 0
    return weight + max(gradient, copy) + OPTIMIZERS[settings.optimizer.name].state_bytes


def _frozen_parameters(settings: Settings, model: MemoryFacts) -> int:
    """Those that are on the GPU without being trained."""
    changes = METHODS[settings.method].changes_weights
    encoders_wait = not settings.prompts_learn() or (changes and settings.train.train_text_encoder)
    vae_waits = settings.data.cache_latents
    return model.unet * (not changes) + model.text_encoders * (not encoders_wait) + model.vae * (not vae_waits)
