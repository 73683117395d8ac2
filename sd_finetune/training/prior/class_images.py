"""Class pictures for prior preservation: the user's own first, the rest drawn by the untrained model and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ...data.captions import FILEWORDS
from ...data.images import usable_pictures
from ...errors import UserError
from ...families.family import DiffusionModel
from ...formats.checkpoint import Checkpoint
from ...formats.fingerprint import fingerprint
from ...runs.atomic import replacing
from ...sampling.draw import Drawing, draw_pictures
from ...settings.options import Concept, Settings
from ..step.randomness import derived_seed

CLASS_IMAGES_PER_INSTANCE = 10


def wanted_class_images(concept: Concept, instance_pictures: int) -> int:
    """How many class pictures a concept with that many instance pictures gets."""
    return concept.class_images or CLASS_IMAGES_PER_INSTANCE * instance_pictures


def class_drawing(settings: Settings) -> Drawing:
    """How class pictures are drawn."""
    wanted = settings.class_images
    return Drawing(
        width=settings.data.resolution,
        height=settings.data.resolution,
        steps=wanted.steps,
        guidance_scale=wanted.guidance_scale,
        sampler=wanted.sampler,
        negative_prompt=wanted.negative_prompt,
    )


def cache_folder_of(cache: Path, base: Checkpoint, class_prompt: str, settings: Settings) -> Path:
    """The folder for class pictures of this base, prompt and way of drawing; another folder when any of it differs."""
    facts = {
        "base": fingerprint(base.path),
        "config": base.yaml_text,
        "prompt": class_prompt,
        "drawing": vars(class_drawing(settings)),
        "seed": settings.class_images.seed,
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / key
    if not (folder / "class-images.json").exists():
        with replacing(folder / "class-images.json") as path:
            path.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    return folder


def class_pictures(
    concept: Concept,
    wanted: int,
    generated_folder: Path,
    draw: Callable[[list[int], list[Path]], None],
) -> tuple[list[Path], list[str]]:
    """`wanted` class pictures of a concept, and warnings: those of its class folder, then drawn ones, made if missing.

    draw: draws the pictures with the given numbers to the given paths. Drawn pictures have no captions, so a class
    prompt that asks for them has only the person's own pictures.

    Raises:
        UserError: the class folder does not exist, or there is no class picture at all.
    """
    own, warnings = usable_pictures(concept.class_folder) if concept.class_folder else ([], [])
    own = own[:wanted]
    if FILEWORDS in concept.class_prompt:
        if not own:
            raise UserError(
                f"{concept.class_folder} holds no class picture, and for class_prompt = {concept.class_prompt!r} none "
                f"can be drawn: put captioned pictures there, or take {FILEWORDS} out of class_prompt."
            )
        return own, warnings
    generated = [generated_folder / f"{k:05d}.png" for k in range(wanted - len(own))]
    missing = [k for k, path in enumerate(generated) if not path.exists()]
    if missing:
        draw(missing, [generated[k] for k in missing])
    return [*own, *generated], warnings


def pictures_to_ask_about(concept: Concept, wanted: int, instance_pictures: list[Path]) -> tuple[list[Path], list[str]]:
    """The pictures for whose noisy latents the untrained model is asked, and warnings; none of them is drawn.

    Up to `wanted` of the class folder's, or else the instance pictures.

    Raises:
        UserError: the class folder does not exist.
    """
    if not concept.class_folder:
        return instance_pictures, []
    own, warnings = usable_pictures(concept.class_folder)
    if not own:
        warnings.append(f"{concept.class_folder} holds no class picture: the instance pictures' latents are used.")
    return own[:wanted] or instance_pictures, warnings


def draw_class_images(
    model: DiffusionModel,
    concept: Concept,
    settings: Settings,
    numbers: list[int],
    paths: list[Path],
    autocast: Callable[[], AbstractContextManager[Any]],
    report: Callable[[int, int], None],
) -> None:
    """Draw the class pictures `numbers` of a concept in batches; each has a seed of its own and appears whole."""
    size = settings.class_images.batch_size
    for start in range(0, len(numbers), size):
        report(start, len(numbers))
        chosen = numbers[start : start + size]
        seeds = [derived_seed(settings.class_images.seed, "class image", n) for n in chosen]
        pictures = draw_pictures(
            model, [concept.class_prompt] * len(chosen), seeds, class_drawing(settings), autocast()
        )
        for picture, path in zip(pictures, paths[start : start + size], strict=True):
            with replacing(path) as unfinished:
                picture.save(unfinished, format="PNG")
    report(len(numbers), len(numbers))
