"""The groups [data] and [[concepts]]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option
from .textual_inversion import EMBEDDING, PROMPT_TOKENS


@dataclass(frozen=True)
class Data:
    """How images are prepared for training."""

    resolution: int = option(
        512,
        "width and height of the training images, which are scaled and center cropped to this square",
        "pixels",
        minimum=64,
        maximum=2048,
        multiple_of=8,
    )
    horizontal_flip: bool = option(
        False, "random horizontal flip, half of the time; leave it off for asymmetric subjects, such as text"
    )
    cache_latents: bool = option(
        True, "encode every image once, before training, and keep its latents in RAM; off = encode it at each use"
    )
    cache_folder: str = option(
        "",
        "folder in which notes about images, and latents if they are kept on disk, stay for later runs; empty = "
        "image-cache in the data folder of the tab, or on the command line beside the run folders",
        is_path=True,
    )


@dataclass(frozen=True)
class Concept:
    """One subject or style to train: a folder of images with its prompts."""

    folder: str = option("", "folder of the training images", is_path=True)
    instance_prompt: str = option("[filewords]", "prompt of the training images; [filewords] = the image's caption")
    default_caption: str = option(
        "", "caption of training images that have none, where the prompt has [filewords]; empty = the image's file name"
    )
    class_prompt: str = option("", 'prompt of the class images, like "a photo of a dog"')
    class_folder: str = option("", "folder of your own class (regularization) images", is_path=True)
    class_images: int | None = option(
        None,
        "number of class images, of which your own in their folder come first and the rest is generated; auto = your "
        "own alone, or without any 10 generated for each training image",
        "images",
        minimum=0,
        zero_is_auto=True,
    )
    exclude: tuple[str, ...] = option(
        (),
        "images of the folder that are not trained though they stay in it: their names from there, like 3.png or "
        "garden/3.png",
    )
    repeats: int = option(1, "how often each training image is used in an epoch", minimum=1)
    word: str = option(
        "",
        "new word of this concept, trained at the same time as those of others and saved as an embedding of its own; "
        "empty = textual_inversion.word",
        methods=EMBEDDING,
    )
    initial_text: str = option(
        "",
        "initialization text of the concept's word; empty = textual_inversion.initial_text",
        methods=EMBEDDING,
    )
    vectors: int | None = option(
        None,
        "number of vectors of the concept's word; auto = textual_inversion.vectors",
        minimum=1,
        maximum=PROMPT_TOKENS,
        methods=EMBEDDING,
    )
    word_file: str = option(
        "",
        "file name of the concept's embedding, by which the WebUI calls it; empty = the word itself",
        methods=EMBEDDING,
    )
    continue_from: str = option(
        "", "embedding file that the concept's word continues from", is_path=True, methods=EMBEDDING
    )
