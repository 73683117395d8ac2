"""The group [noise]."""

from __future__ import annotations

from dataclasses import dataclass

from ..option import option


@dataclass(frozen=True)
class Noise:
    """What kind of noise images are trained with, beside the noise offset."""

    multires_iterations: int = option(
        0,
        "multires (pyramid) noise: how many layers of coarser and coarser noise are added, for darker and brighter "
        "images; usually 6 to 10, 0 = off",
        "layers",
        minimum=0,
        maximum=20,
    )
    multires_discount: float = option(
        0.3,
        "strength of each such layer beside the finer one before it: 0.3 for full training, 0.8 for strong effects",
        minimum=0,
        maximum=1,
    )
    input_perturbation: float = option(
        0.0,
        "extra noise on what the model is shown, which it is not to predict, so that it learns to go on from its own "
        "errors (arXiv 2301.11706); usually 0.1, 0 = off",
        minimum=0,
        maximum=1,
    )
