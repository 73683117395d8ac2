"""The group [masks]."""

from __future__ import annotations

from dataclasses import dataclass

from ..methods import methods_with
from ..option import option


@dataclass(frozen=True)
class Masks:
    """Which part of the training images is learned (masked loss)."""

    source: str = option(
        "none",
        "where masks are, white = what is learned: files = NAME.mask.png or NAME-masklabel.png beside the image NAME, "
        "or the concept's mask folder; alpha = the image's own alpha channel, without its transparent parts; an image "
        "without a mask is learned as a whole",
        choices=("none", "files", "alpha"),
        titles={"none": "None", "files": "Files", "alpha": "Alpha channel"},
    )
    outside_weight: float = option(
        0.0,
        "weight in the loss of what is outside the mask: 0 = it is not learned, 1 = as much as what is inside",
        minimum=0,
        maximum=1,
    )
    normalize: bool = option(
        True,
        "divide an image's loss by the area of its mask, so that a small subject counts as much as a large one; off = "
        "an image counts as much as it has of what is learned",
    )
    prior_weight: float = option(
        0.0,
        "weight of the prior outside the mask, which holds what is there to what the untrained model predicts for the "
        "same prompt; 0 = off, 1 = as much as what is learned; it takes a second prediction in each step",
        minimum=0,
    )
    bank_size: int = option(
        1000,
        "with the prior outside the mask, number of predictions that are precomputed before training, as many for each "
        "image, and used in turn; at 512 pixels each takes 64 KiB in the run folder until the run is finished",
        "predictions",
        minimum=1,
        methods=methods_with("changes_weights"),
    )
