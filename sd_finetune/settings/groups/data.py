"""The groups [data] and [[concepts]]."""

from __future__ import annotations

from dataclasses import dataclass

from ..numbers import whole_numbers
from ..option import option
from .captions import CHUNK_TOKENS
from .textual_inversion import NEW_WORDS

USUAL_RESOLUTION = 512


@dataclass(frozen=True)
class Data:
    """How images are prepared for training."""

    resolution: int | None = option(
        None,
        "an image is trained at about so many pixels times so many, scaled in its own proportions; auto = the size "
        "that the base checkpoint was trained at, such as 512 or 1024",
        "pixels",
        minimum=64,
        maximum=2048,
        multiple_of=8,
    )
    extra_resolutions: str = option(
        "",
        'further resolutions, at most 16, at which each training image is used too, once more for each, as "768, '
        '1024"; empty = none',
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
        "largest side of buckets, with which images of more extreme proportions have fewer pixels; auto = twice the "
        "resolution",
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
        "which part of an image is trained where its proportions are not those of its bucket: center, random = another "
        "part at each use, or smart = around faces, or where there are none, or scikit-image is not installed to find "
        "them, where it has the most detail",
        choices=("center", "random", "smart"),
    )
    horizontal_flip: bool = option(
        False, "random horizontal flip, half of the time; leave it off for asymmetric subjects, such as text"
    )
    cache_latents: str = option(
        "ram",
        "where latents are kept, so that every image is encoded once, before training; disk = in the cache folder, for "
        "later runs too, which takes no RAM; off = encode each image at each use",
        choices=("ram", "disk", "off"),
        titles={"ram": "In RAM", "disk": "On disk", "off": "Off"},
    )
    cache_folder: str = option(
        "",
        "folder in which notes about images, and latents if they are kept on disk, stay for later runs; empty = "
        "image-cache in the data folder of the tab, or on the command line beside the run folders",
        is_path=True,
    )
    brightness_jitter: float = option(
        0.0,
        "random change of brightness at each use of a training image, up or down by this share; needs latents that are "
        "not cached",
        minimum=0,
        maximum=1,
    )
    contrast_jitter: float = option(0.0, "the same of the contrast", minimum=0, maximum=1)
    saturation_jitter: float = option(
        0.0, "the same of the saturation, so that 1 is from gray on", minimum=0, maximum=1
    )
    hue_jitter: float = option(
        0.0,
        "random change of the hue, by up to this share of the color circle in both directions; 0.02 is hardly seen, "
        "and 0.5 makes any color of any other",
        minimum=0,
        maximum=0.5,
    )

    def latents_are_cached(self) -> bool:
        """Whether the VAE is not needed in training."""
        return self.cache_latents != "off"

    def jitters(self) -> dict[str, float]:
        """Those strengths of the color jitter that are not 0, by the options' names."""
        names = ("brightness_jitter", "contrast_jitter", "saturation_jitter", "hue_jitter")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def changes_at_each_use(self) -> dict[str, str | float]:
        """What makes each use of an image another one, so that its latents cannot be kept: values by the options."""
        return {**({"crop": self.crop} if self.crop == "random" else {}), **self.jitters()}

    @property
    def side(self) -> int:
        """The resolution; where it is left to a base checkpoint that nobody has looked at, that of most."""
        return self.resolution or USUAL_RESOLUTION

    def resolutions(self) -> tuple[int, ...]:
        """All at which a training image is used. Raises ValueError where they are not whole numbers."""
        return tuple(dict.fromkeys([self.side, *whole_numbers(self.extra_resolutions)]))

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
        "own alone, or without any 10 generated for each training image; concepts with the same class prompt have "
        "images of their own",
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
        "new word of this concept, trained at the same time as those of others and saved as an embedding of its own, "
        "or in the file of a LoRA; empty = textual_inversion.word",
        methods=NEW_WORDS,
    )
    initial_text: str = option(
        "",
        "initialization text of the concept's word; empty = textual_inversion.initial_text",
        methods=NEW_WORDS,
    )
    vectors: int | None = option(
        None,
        "number of vectors of the concept's word; auto = textual_inversion.vectors",
        minimum=1,
        maximum=CHUNK_TOKENS,
        methods=NEW_WORDS,
    )
    word_file: str = option(
        "",
        "file name of the concept's embedding, by which the WebUI calls it; empty = the word itself",
        methods=NEW_WORDS,
    )
    continue_from: str = option(
        "", "embedding file that the concept's word continues from", is_path=True, methods=NEW_WORDS
    )
