"""Concepts to training examples: which image is used with which prompt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..settings.options import Captions, Concept
from .caption_warnings import caption_warnings, names_as_prompts, unused_captions, unused_metadata
from .captions import FILEWORDS, CaptionReader, class_reader_of, prompt_for, reader_of
from .images import readable_formats
from .importing.kohya_folder import misread_names
from .overlaps import of_class_images, of_evaluation, of_training_images
from .prompt_building import RandomPrompt, lines_of, open_wildcards, plain_prompt, random_prompt
from .read_captions import read_captions, refuse_faults
from .usable import NOTHING, Look, UsableImages, usable_images

MOST_SHOWN = 100
"""Letters of a text in a sentence."""
HOLDS_SUBJECT = "holds training images, which are not trained as the class"
HOLDS_MASKS = "holds masks, which are not trained"
CLASS_IMAGES_PER_INSTANCE = 10
"""Class images for each training image, where a concept leaves their number open and has none of its own."""


@dataclass(frozen=True)
class Example:
    """One use of one image.

    concept: index into the run's concepts, from 0. role: "instance" is a training image, "class" a class image for
    prior preservation (arXiv 2208.12242). variants: other prompts, each used as often as `prompt`.
    untrained_prompt: of a class image, the prompt under which the untrained model is asked for a prior prediction.
    random: makes another prompt of each of these at each use. mask: the file that says which part of the image is
    learned, which is the image itself for its alpha channel; None = all of it.
    """

    image: Path
    prompt: str
    concept: int
    role: Literal["instance", "class"]
    variants: tuple[str, ...] = ()
    untrained_prompt: str = ""
    random: RandomPrompt | None = None
    mask: Path | None = None

    def all_prompts(self) -> tuple[str, ...] | None:
        """Every prompt that is ever shown with the image; None where they are too many to be told."""
        if self.random is None:
            return (self.prompt, *self.variants)
        drawn = self.random.all()
        return None if drawn is None else (self.prompt, *drawn)  # the first is evaluated with


def own_class_images(concept: Concept, look: Look | None = None) -> UsableImages:
    """The user's own class images of a concept, none without a folder of them. Raises UserError: it is unusable."""
    if not concept.class_folder:
        return UsableImages()
    without = {concept.mask_folder: HOLDS_MASKS, concept.folder: HOLDS_SUBJECT}
    return usable_images(concept.class_folder, "class", without, look)


def wanted_class_images(concept: Concept, instance_images: int, own: int) -> int:
    """How many class images a concept gets that has so many training images, and `own` images in its class folder."""
    asked = concept.class_images
    return (own or CLASS_IMAGES_PER_INSTANCE * instance_images) if asked is None else asked


def no_class_images(concept: Concept, own: int) -> str:
    """A sentence where a concept has no class images and none can be generated, else "". own: how many of its own."""
    if own or FILEWORDS not in concept.class_prompt:
        return ""
    return (
        f"No class images in class_folder = {concept.class_folder!r}, and none can be generated for the "
        f"class_prompt {concept.class_prompt!r}: add images with captions, or remove {FILEWORDS} from it."
    )


def instance_examples(
    concepts: Sequence[Concept],
    options: Captions,
    templates: Sequence[Sequence[str]] | None = None,
    look: Look | None = None,
    evaluated: str = "",
) -> tuple[list[Example], list[str]]:
    """The instance examples of all concepts, each image `repeats` times, and warnings for the user.

    templates: the prompt templates of each concept, if they are not its `instance_prompt`. look: how images are
    looked at. evaluated: the folder of images that are only evaluated on. What is skipped is named in a warning.
    Raises one UserError, with a line for each concept without a folder or usable images.
    """
    examples: list[Example] = []
    warnings: list[str] = []
    faults: list[str] = []
    without = folders_beside(((concept.class_folder, concept.mask_folder) for concept in concepts), evaluated)
    for index, concept in enumerate(concepts):
        try:
            shown = templates[index] if templates else [concept.instance_prompt]
            images, skipped = _instance_images(f"Concept {index + 1}", concept, without, look)
            found, remarks = _examples_of(index, concept, shown, images, reader_of(concept, options))
        except UserError as error:
            faults.append(str(error))
        else:
            examples += found
            warnings += [*skipped, *remarks]
    if faults:
        raise UserError("\n".join(faults))
    overlaps = [*of_training_images(concepts), *of_evaluation(concepts, evaluated)]
    return examples, [*(sentence for _, sentence in overlaps), *warnings]


def class_examples(
    concepts: Sequence[Concept],
    images: Sequence[Sequence[Path]],
    options: Captions,
    templates: Sequence[Sequence[str]] | None = None,
    shown_as: Sequence[Sequence[Example]] | None = None,
) -> tuple[list[Example], list[str]]:
    """The class examples of all concepts, and warnings for the user; images: the class images of each concept.

    templates: the prompt templates of each concept, if they are not its `class_prompt`. shown_as: of each concept,
    examples in whose prompts class images without a caption are shown, in turn; else their prompts have none.
    """
    examples: list[Example] = []
    warnings = [sentence for _, sentence in of_class_images(concepts)]
    for index, (concept, own) in enumerate(zip(concepts, images, strict=True)):
        shown = templates[index] if templates else [concept.class_prompt]
        read = read_captions(own, [*shown, concept.class_prompt], class_reader_of(concept, options))
        refuse_faults(read)
        captions = read.captions
        others = shown_as[index] if shown_as else ()
        for number, image in enumerate(own):
            caption = lines_of(captions[image].text, options)[0] if image in captions else ""
            prompts = [prompt_for(template, caption) for template in shown]
            if others and not caption:
                other = others[number % len(others)]
                prompts = [other.prompt, *other.variants]
            prompt, *variants = prompts
            untrained = prompt_for(concept.class_prompt, caption)
            examples.append(Example(image, prompt, index, "class", tuple(variants), untrained))
        warnings += caption_warnings(f"Concept {index + 1}, class images", captions)
    return examples, warnings


def _examples_of(
    index: int, concept: Concept, templates: Sequence[str], images: Sequence[Path], reader: CaptionReader
) -> tuple[list[Example], list[str]]:
    name = f"Concept {index + 1}"
    warnings = list(misread_names(name, concept.folder, images))
    read = read_captions(images, templates, reader)
    refuse_faults(read)
    captions = read.captions
    warnings += [*unused_metadata(name, captions, concept)] or names_as_prompts(
        name, captions, templates, reader.default
    )
    shown: list[Example] = []
    for image in images:
        caption, options = captions.get(image), reader.options
        prompt, *variants = [plain_prompt(template, caption, options) for template in templates]
        random = random_prompt(templates, caption, options)
        shown.append(Example(image, prompt, index, "instance", tuple(variants), random=random))
    warnings += caption_warnings(name, captions, reader.default) if captions else unused_captions(name, images, reader)
    warnings += _empty_prompts(name, shown)
    warnings += _open_wildcards(name, [*templates, *(caption.line for caption in captions.values())], reader.options)
    return [example for example in shown for _ in range(concept.repeats)], warnings


def folders_beside(folders: Iterable[tuple[str, str]], evaluated: str) -> dict[str, str]:
    """The folders of which no image is a training image, and why.

    folders: the class and mask folder of each concept. evaluated: the folder of images that are evaluated on.
    """
    found = {evaluated: "holds images to evaluate on, which are not trained"}
    for class_folder, mask_folder in folders:
        found |= {class_folder: "holds class images, which are not trained as the subject", mask_folder: HOLDS_MASKS}
    return found


def training_images(
    folder: str,
    class_folder: str,
    without: Mapping[str, str] = NOTHING,
    look: Look | None = None,
    exclude: Collection[str] = (),
) -> UsableImages:
    """The training images of a concept.

    without: `folders_beside` of the run. look, exclude: as in `usable_images`.

    Raises:
        UserError: `folder` cannot be used, or is `class_folder` or the folder of a concept's masks too.
    """
    others = {"class_folder": [class_folder], "mask_folder": [each for each in without if without[each] == HOLDS_MASKS]}
    for name, folders in others.items():
        if any(other and Path(folder).resolve() == Path(other).resolve() for other in folders):
            raise UserError(f"{folder} is both folder and {name}: use two folders.")
    return usable_images(folder, without=without, look=look, exclude=exclude)


def _instance_images(
    name: str, concept: Concept, without: Mapping[str, str], look: Look | None
) -> tuple[list[Path], list[str]]:
    if not concept.folder:
        raise UserError(f"{name} has no folder: set folder to the folder of its training images.")
    try:
        found = training_images(concept.folder, concept.class_folder, without, look, concept.exclude)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    if not found.images:
        raise UserError(f"{name}: {no_images(concept.folder, found)}")
    return found.images, found.warnings()


def no_images(folder: str, found: UsableImages, exclude: str = "exclude") -> str:
    """A sentence about a folder without a usable image. exclude: name of the option that leaves images out."""
    if found.excluded:
        return f"all images in {folder} that can be used are excluded: take some of them out of {exclude}."
    if found.skipped:
        return f"no image in {folder} can be used. The first: {str(found.skipped[0]).removeprefix('Skipped: ')}"
    return f"no images in the folder {folder}: add {', '.join(readable_formats())} files."


def _open_wildcards(name: str, texts: Sequence[str], options: Captions) -> Iterator[str]:
    found = list(open_wildcards(texts, options))
    if found:
        few = f"{len(found):,} prompts and captions have" if len(found) > 1 else "A prompt or caption has"
        problem = f'{name}: {few} a brace without its other one, such as "{found[0][:MOST_SHOWN]}"'
        yield f"{problem}, and what is in it is not a wildcard: close it, or write {{{{ for a brace that stays."


def _empty_prompts(name: str, examples: Sequence[Example]) -> Iterator[str]:
    unnamed = [example.image for example in examples if not example.prompt]
    if unnamed:
        yield (
            f"{name}: the prompt of {len(unnamed)} of {len(examples)} images, such as {unnamed[0]}, is empty: "
            f"set instance_prompt or write captions."
        )
