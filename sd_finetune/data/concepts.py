"""Concepts to training examples: which picture is shown under which prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..settings.options import Concept
from .captions import FILEWORDS, caption_file, prompt_for
from .images import readable_formats, usable_pictures


@dataclass(frozen=True)
class Example:
    """One showing of one picture.

    concept: index into the run's concepts, from 0. role: "instance" teaches the new subject, "class" keeps what the
    model knew of its class (prior preservation, arXiv 2208.12242). variants: other prompts that it is shown under as
    often as under `prompt`.
    """

    picture: Path
    prompt: str
    concept: int
    role: Literal["instance", "class"]
    variants: tuple[str, ...] = ()


def instance_examples(
    concepts: Sequence[Concept], sentences: Sequence[Sequence[str]] | None = None
) -> tuple[list[Example], list[str]]:
    """The instance examples of all concepts, each picture `repeats` times, and warnings for the person.

    sentences: for each concept what its pictures are shown under, if that is not its `instance_prompt`. A broken
    picture is left out with a warning that names it. Raises one UserError, a line for each concept that has no folder
    or no usable picture.
    """
    examples: list[Example] = []
    warnings: list[str] = []
    faults: list[str] = []
    for index, concept in enumerate(concepts):
        try:
            found, remarks = _examples_of(index, concept, sentences[index] if sentences else [concept.instance_prompt])
        except UserError as error:
            faults.append(str(error))
        else:
            examples += found
            warnings += remarks
    if faults:
        raise UserError("\n".join(faults))
    return examples, warnings


def class_examples(
    concepts: Sequence[Concept], pictures: Sequence[Sequence[Path]], sentences: Sequence[Sequence[str]] | None = None
) -> list[Example]:
    """The class examples of all concepts; pictures: for each concept its class pictures.

    sentences: for each concept what they are shown under, if that is not its `class_prompt`.
    """
    return [
        _example(picture, sentences[index] if sentences else [concept.class_prompt], index, "class")
        for index, (concept, own) in enumerate(zip(concepts, pictures, strict=True))
        for picture in own
    ]


def _example(picture: Path, sentences: Sequence[str], index: int, role: Literal["instance", "class"]) -> Example:
    prompt, *variants = [prompt_for(sentence, picture) for sentence in sentences]
    return Example(picture, prompt, index, role, tuple(variants))


def _examples_of(index: int, concept: Concept, sentences: Sequence[str]) -> tuple[list[Example], list[str]]:
    name = f"Concept {index + 1}"
    pictures, warnings = _instance_pictures(name, concept)
    shown = [_example(picture, sentences, index, "instance") for picture in pictures]
    warnings += _prompt_warnings(name, sentences, shown)
    return [example for example in shown for _ in range(concept.repeats)], warnings


def _instance_pictures(name: str, concept: Concept) -> tuple[list[Path], list[str]]:
    if not concept.folder:
        raise UserError(f"{name} has no folder; set its folder to the one that holds its pictures.")
    try:
        pictures, warnings = usable_pictures(concept.folder)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    pictures = _without_class_pictures(name, concept, pictures)
    if not pictures:
        raise UserError(_no_picture(name, concept.folder, warnings))
    return pictures, warnings


def _without_class_pictures(name: str, concept: Concept, pictures: list[Path]) -> list[Path]:
    """Class pictures kept in a sub-folder must not be taught as the subject."""
    if not concept.class_folder:
        return pictures
    class_folder = Path(concept.class_folder).resolve()
    if class_folder == Path(concept.folder).resolve():
        raise UserError(f"{name} has {concept.folder} as folder and as class_folder; keep the two apart.")
    return [picture for picture in pictures if class_folder not in picture.resolve().parents]


def _no_picture(name: str, folder: str, warnings: list[str]) -> str:
    if warnings:
        first = warnings[0].removeprefix("Skipped: ")
        return f"{name}: none of the {len(warnings)} pictures in {folder} can be read; the first: {first}"
    return f"{name}: the folder {folder} holds no picture; put {', '.join(readable_formats())} files there."


def _prompt_warnings(name: str, sentences: Sequence[str], examples: list[Example]) -> list[str]:
    warnings = []
    if not any(FILEWORDS in sentence for sentence in sentences):
        captioned = [example.picture for example in examples if caption_file(example.picture).is_file()]
        if captioned:
            warnings.append(
                f"{name}: {len(captioned)} caption files, such as {caption_file(captioned[0])}, are not used; "
                f"put {FILEWORDS} into instance_prompt, or for a new word into its sentences, to use them."
            )
    unnamed = [example.picture for example in examples if not example.prompt]
    if unnamed:
        warnings.append(
            f"{name}: {len(unnamed)} pictures, such as {unnamed[0]}, are taught under an empty prompt; "
            f"set its instance_prompt or write captions."
        )
    return warnings
