"""Generates class images, many at a time: on a GPU a large batch takes hardly longer than a small one."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ...errors import UserError
from ...families.family import DiffusionModel
from ...formats.known_base import memory_of
from ...sampling.generate import BringBack, generate_images, nothing_is_away
from ...settings.options import Concept, Settings
from ...vram.estimate import generating_bytes
from ..device import Accelerator
from ..out_of_vram import is_out_of_vram
from ..step.conditioning import Conditioning
from ..step.randomness import derived_seed
from .class_images import ClassImageCache, class_generation_settings

ON_CPU, MOST = 4, 16
"""Images at a time where the settings leave it open."""
USABLE = 0.8
"""Share of the free VRAM."""


def images_at_a_time(settings: Settings, device: torch.device) -> int:
    """As many as the settings ask for, or else as the free VRAM has room for."""
    asked = settings.class_images.batch_size
    if asked is not None:
        return asked
    if device.type != "cuda":
        return ON_CPU
    room, base = USABLE * torch.cuda.mem_get_info(device)[0], memory_of(settings)
    return next((count for count in range(MOST, 1, -1) if generating_bytes(settings, count, base) <= room), 1)


def generate_class_images(
    model: DiffusionModel,
    concept: Concept,
    settings: Settings,
    numbers: list[int],
    cache: ClassImageCache,
    accelerator: Accelerator,
    report: Callable[[int, int], None],
    check: Callable[[], None],
    bring_back: BringBack = nothing_is_away,
) -> None:
    """Generate the class images `numbers` of a concept in batches; each has its own seed and appears whole.

    Batches that are too large for the VRAM are halved. check, bring_back: as in `generate_images`.

    Raises:
        UserError: one is not finite or all black; then none of `numbers` is kept.
    """
    size, done = images_at_a_time(settings, accelerator.device), 0
    generation = class_generation_settings(settings, cache.size)
    encode = Conditioning(model, text_encoder_is_trained=False, bring_back=bring_back, reading=generation.reading)
    with accelerator.autocast():
        encode.cache([concept.class_prompt, generation.negative_prompt])
    while done < len(numbers):
        report(done, len(numbers))
        chosen = numbers[done : done + size]
        seeds = [derived_seed(settings.class_images.seed, "class image", n) for n in chosen]
        prompts = [concept.class_prompt] * len(chosen)
        try:
            images = generate_images(
                model, prompts, seeds, generation, accelerator.autocast(), check, encode, bring_back
            )
        except RuntimeError as error:
            if len(chosen) == 1 or not is_out_of_vram(error):
                raise
            size = len(chosen) // 2
            continue
        except UserError as error:
            cache.drop(numbers)
            raise UserError(f"No class images of {concept.class_prompt!r} can be generated: {error}") from error
        for number, image in zip(chosen, images, strict=True):
            cache.keep(number, image)
        done += len(chosen)
    report(len(numbers), len(numbers))
