"""The groups [prior] and [class_images]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Duration
from ..methods import defaults_text, methods_with
from ..option import MOST_SEED, option
from .samples import SAMPLER_TITLES, SAMPLERS


@dataclass(frozen=True)
class Prior:
    """Prior preservation (DreamBooth, arXiv 2208.12242): keeps what the model knows about the class."""

    weight: float | None = option(
        None,
        "prior loss weight, the weight of class images in the loss; 0 = off, else every concept needs a class prompt; "
        + defaults_text("prior_weight", "auto"),
        minimum=0,
    )
    decay: Duration = option(
        Duration(0),
        "length over which the prior loss weight falls evenly to its minimum, from the first step on; 0 = it stays",
        minimum=0,
    )
    minimum: float = option(0.1, "prior loss weight after its decay", minimum=0)
    source: str = option(
        "images",
        "target of the prior loss: images = class images, missing ones are generated; model = what the untrained model "
        "predicts for the class prompt on noisy latents of your own class images, or else of the training images, "
        "so that no class images are generated; both = class images, missing ones are generated, and what the "
        "untrained model predicts on them, which keeps more of the class and takes a forward pass more",
        choices=("images", "model", "both"),
    )
    bank_size: int = option(
        1000,
        "with the untrained model or both as source, number of prior predictions that are precomputed before training "
        "and used in turn; at 512 pixels each takes 64 KiB in the run folder until the run is finished",
        "predictions",
        minimum=1,
        methods=methods_with("changes_weights"),
    )

    @property
    def has_images(self) -> bool:
        """Whether there are class images, of which missing ones are generated."""
        return self.source != "model"

    @property
    def is_predicted(self) -> bool:
        """Whether the target is what the untrained model predicts."""
        return self.source != "images"


@dataclass(frozen=True)
class ClassImages:
    """Generation of missing class images with the untrained model."""

    negative_prompt: str = option("", "negative prompt")
    steps: int = option(25, "sampling steps", "steps", minimum=1, maximum=1000)
    guidance_scale: float = option(7.5, "CFG scale, how closely images follow the prompt", minimum=1, maximum=30)
    seed: int = option(
        0, "random seed, from which each class image has a seed of its own", minimum=0, maximum=MOST_SEED
    )
    sampler: str = option("ddim", "sampling method", choices=SAMPLERS, titles=SAMPLER_TITLES)
    proportions: str = option(
        "square",
        "proportions of generated images: square, or training = those of the training images, in the same shares",
        choices=("square", "training"),
    )
    batch_size: int | None = option(
        None,
        "images generated at a time; auto = on a GPU as many as its free VRAM has room for, up to 16, on the CPU 4",
        "images",
        minimum=1,
    )
    cache_folder: str = option(
        "",
        "folder in which generated class images are kept for later runs; empty = class-images in the data folder of "
        "the tab, or on the command line beside the run folders",
        is_path=True,
    )
