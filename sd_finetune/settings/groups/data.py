"""The groups [data] and [[concepts]]."""

from __future__ import annotations

from dataclasses import dataclass

from ..numbers import whole_numbers
from ..option import option
from .captions import CHUNK_TOKENS
from .textual_inversion import EMBEDDING


@dataclass(frozen=True)
class Data:
    """How images are prepared for training."""

    resolution: int = option(
        512,
        "an image is trained at about so many pixels times so many, scaled in its own proportions",
        "pixels",
        minimum=64,
        maximum=2048,
        multiple_of=8,
    )
    extra_resolutions: str = option(
        "",
        'further resolutions at which each training image is used too, once more for each, as "768, 1024"; '
        "empty = none",
    )
    buckets: bool = option(
        True,
        "aspect ratio buckets: train images in the sizes of about as many pixels that are nearest to their own "
        "proportions; off = crop all to a square",
    )
    bucket_step: int = option(
        64,
        "the sides of buckets are multiples of it; less cuts less off the images and makes more sizes, which train "
        "slower",
        "pixels",
        minimum=8,
        maximum=128,
        multiple_of=8,
    )
    smallest_side: int | None = option(
        None,
        "smallest side of buckets; auto = half the resolution",
        "pixels",
        minimum=64,
        maximum=2048,
        multiple_of=8,
    )
    largest_side: int | None = option(
        None,
        "largest side of buckets; auto = twice the resolution",
        "pixels",
        minimum=64,
        maximum=4096,
        multiple_of=8,
    )
    upscale: bool = option(
        True, "enlarge images that are smaller than they would be trained; off = train those in a smaller size"
    )
    crop: str = option(
        "center",
        "which part of an image is trained where its proportions are not those of its bucket: center, or random = "
        "another part at each use",
        choices=("center", "random"),
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

    def resolutions(self) -> tuple[int, ...]:
        """All at which a training image is used. Raises ValueError where they are no whole numbers."""
        return tuple(dict.fromkeys([self.resolution, *whole_numbers(self.extra_resolutions)]))

    def side_limits(self, resolution: int) -> tuple[int, int]:
        """The smallest and the largest side of buckets at a resolution."""
        return self.smallest_side or resolution // 2, self.largest_side or resolution * 2


@dataclass(frozen=True)
class Concept:
    """One subject or style to train: a folder of images with its prompts."""

    folder: str = option("", "folder of the training images", is_path=True)
    mask_folder: str = option(
        "",
        "folder of the masks of the training images, under the images' names; empty = they are beside the images",
        is_path=True,
    )
    instance_prompt: str = option("[filewords]", "prompt of the training images; [filewords] = the image's caption")
    default_caption: str = option(
        "", "caption of training images that have none, where the prompt has [filewords]; empty = the image's file name"
    )
    metadata_file: str = option(
        "",
        "captions of many images in one file: the metadata .json of kohya's finetune scripts, or a .jsonl; a caption "
        "file beside an image counts first",
        is_path=True,
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
        maximum=CHUNK_TOKENS,
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
