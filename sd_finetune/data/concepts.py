"""Concepts to training examples: which image is used with which prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..settings.options import Concept
from .captions import FILEWORDS, caption_file, prompt_for
from .images import readable_formats, usable_images

CLASS_IMAGES_PER_INSTANCE = 10
"""Class images for each training image, where a concept leaves their number open."""


@dataclass(frozen=True)
class Example:
    """One use of one image.

    concept: index into the run's concepts, from 0. role: "instance" is a training image, "class" a class image for
    prior preservation (arXiv 2208.12242). variants: other prompts, each used as often as `prompt`.
    """

    image: Path
    prompt: str
    concept: int
    role: Literal["instance", "class"]
    variants: tuple[str, ...] = ()


def wanted_class_images(concept: Concept, instance_images: int) -> int:
    """How many class images a concept with that many training images gets."""
    return concept.class_images or CLASS_IMAGES_PER_INSTANCE * instance_images


def instance_examples(
    concepts: Sequence[Concept], templates: Sequence[Sequence[str]] | None = None
) -> tuple[list[Example], list[str]]:
    """The instance examples of all concepts, each image `repeats` times, and warnings for the user.

    templates: the prompt templates of each concept, if they are not its `instance_prompt`. A damaged image is skipped
    with a warning that names it. Raises one UserError, with a line for each concept without a folder or usable images.
    """
    examples: list[Example] = []
    warnings: list[str] = []
    faults: list[str] = []
    for index, concept in enumerate(concepts):
        try:
            found, remarks = _examples_of(index, concept, templates[index] if templates else [concept.instance_prompt])
        except UserError as error:
            faults.append(str(error))
        else:
            examples += found
            warnings += remarks
    if faults:
        raise UserError("\n".join(faults))
    return examples, warnings


def class_examples(
    concepts: Sequence[Concept], images: Sequence[Sequence[Path]], templates: Sequence[Sequence[str]] | None = None
) -> list[Example]:
    """The class examples of all concepts; images: the class images of each concept.

    templates: the prompt templates of each concept, if they are not its `class_prompt`.
    """
    return [
        _example(image, templates[index] if templates else [concept.class_prompt], index, "class")
        for index, (concept, own) in enumerate(zip(concepts, images, strict=True))
        for image in own
    ]


def _example(image: Path, templates: Sequence[str], index: int, role: Literal["instance", "class"]) -> Example:
    prompt, *variants = [prompt_for(template, image) for template in templates]
    return Example(image, prompt, index, role, tuple(variants))


def _examples_of(index: int, concept: Concept, templates: Sequence[str]) -> tuple[list[Example], list[str]]:
    name = f"Concept {index + 1}"
    images, warnings = _instance_images(name, concept)
    shown = [_example(image, templates, index, "instance") for image in images]
    warnings += _prompt_warnings(name, templates, shown)
    return [example for example in shown for _ in range(concept.repeats)], warnings


def _instance_images(name: str, concept: Concept) -> tuple[list[Path], list[str]]:
    if not concept.folder:
        raise UserError(f"{name} has no folder: set folder to the folder of its training images.")
    try:
        images, warnings = usable_images(concept.folder)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    images = _without_class_images(name, concept, images)
    if not images:
        raise UserError(_no_images(name, concept.folder, warnings))
    return images, warnings


def _without_class_images(name: str, concept: Concept, images: list[Path]) -> list[Path]:
    """Class images that are kept in a subfolder must not be trained as the subject."""
    if not concept.class_folder:
        return images
    class_folder = Path(concept.class_folder).resolve()
    if class_folder == Path(concept.folder).resolve():
        raise UserError(f"{name} has {concept.folder} as both folder and class_folder: use two folders.")
    return [image for image in images if class_folder not in image.resolve().parents]


def _no_images(name: str, folder: str, warnings: list[str]) -> str:
    if warnings:
        first = warnings[0].removeprefix("Skipped: ")
        return f"{name}: no image in {folder} can be read. The first: {first}"
    return f"{name}: no images in the folder {folder}: add {', '.join(readable_formats())} files."


def _prompt_warnings(name: str, templates: Sequence[str], examples: list[Example]) -> list[str]:
    warnings: list[str] = []
    if not any(FILEWORDS in template for template in templates):
        captioned = [example.image for example in examples if caption_file(example.image).is_file()]
        if captioned:
            warnings.append(
                f"{name}: the captions of {len(captioned)} of {len(examples)} images, such as "
                f"{caption_file(captioned[0])}, are not used: "
                f"put {FILEWORDS} into instance_prompt, or for textual inversion into the prompt templates."
            )
    unnamed = [example.image for example in examples if not example.prompt]
    if unnamed:
        warnings.append(
            f"{name}: the prompt of {len(unnamed)} of {len(examples)} images, such as {unnamed[0]}, is empty: "
            f"set instance_prompt or write captions."
        )
    return warnings
