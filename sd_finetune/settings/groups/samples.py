"""The groups [samples] and [evaluation]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Interval
from ..emphasis import EMPHASIS_MODES, EMPHASIS_TITLES
from ..option import MOST_SEED, option

SAMPLER_TITLES = {"ddim": "DDIM", "euler": "Euler", "euler_a": "Euler a", "dpmpp_2m": "DPM++ 2M Karras"}
"""The samplers, and what the WebUI calls them."""
SAMPLERS = tuple(SAMPLER_TITLES)


@dataclass(frozen=True)
class Samples:
    """Images generated during training, to watch its progress."""

    prompts: tuple[str, ...] = option((), "prompts to generate samples with, one image each; empty = no samples")
    negative_prompt: str = option("", "negative prompt")
    emphasis: str = option(
        "original",
        "how (word:1.2), [word], \\( and BREAK in these prompts are read, as the WebUI's setting Emphasis mode has it; "
        "original = weights with their effect on the mean undone, no_norm = weights alone, ignore = no weights, "
        "none = as plain text",
        choices=EMPHASIS_MODES,
        titles=EMPHASIS_TITLES,
    )
    every: Interval = option(
        Interval(10, "epochs"), "interval at which samples are generated; 0 = only at the end", minimum=0
    )
    at_start: bool = option(True, "generate samples before the first step too")
    steps: int = option(25, "sampling steps", "steps", minimum=1, maximum=1000)
    guidance_scale: float = option(7.5, "CFG scale, how closely images follow the prompt", minimum=1, maximum=30)
    seed: int = option(
        0, "random seed of the first prompt's sample; each further prompt adds 1", minimum=0, maximum=MOST_SEED
    )
    sampler: str = option("ddim", "sampling method", choices=SAMPLERS, titles=SAMPLER_TITLES)
    width: int | None = option(
        None, "width of the samples; auto = data.resolution", "pixels",
        minimum=64, maximum=2048, multiple_of=8, zero_is_auto=True,
    )  # fmt: skip
    height: int | None = option(
        None, "height of the samples; auto = data.resolution", "pixels",
        minimum=64, maximum=2048, multiple_of=8, zero_is_auto=True,
    )  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """The evaluation loss: on fixed images, noise and timesteps, so that it shows convergence (arXiv 2302.04841)."""

    every: Interval = option(
        Interval(10, "epochs"), "interval at which the evaluation loss is computed; 0 = off", minimum=0
    )
    images: int = option(4, "images that it is computed on", "images", minimum=1)
    timesteps: int = option(4, "timesteps for each image, evenly spaced", "timesteps", minimum=1)
    held_out: float = option(
        0.0,
        "share of each concept's images that is not trained but evaluated on, so that the evaluation loss rises when "
        "training images are learned by heart; 0 = it is computed on training images",
        minimum=0,
        maximum=0.5,
    )
    folder: str = option(
        "",
        "folder of images to evaluate on, none of which is trained, also where it lies in a concept's folder; with "
        "captions or else the instance prompt of the first concept; empty = images of the concepts",
        is_path=True,
    )
    stop_below: float = option(
        0.0,
        "stop when the evaluation loss has settled: when its variance in the window is below this share of its "
        "variance in the whole run (DVAR, arXiv 2302.04841), mostly 0.15; 0 = off",
        minimum=0,
        maximum=1,
    )
    stop_window: int = option(
        10, "evaluations in the window; training goes on for at least twice as many", "evaluations", minimum=2
    )

    def used_folder(self) -> str:
        """The folder whose images are evaluated on and not trained; "" without one, and where nothing is evaluated."""
        return self.folder if self.every.amount else ""
