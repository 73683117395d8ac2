"""Samples: images generated during a run, in the run folder's samples/."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...counted import counted
from ...families.family import DiffusionModel
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.messages import Event, Sample, Warning_
from ...sampling.generate import BringBack, Encode, GenerationSettings, draw_images, no_image, nothing_is_away
from ...settings.options import Settings
from ...settings.prompt_reading import sample_reading
from ..device import Accelerator


def sample_generation_settings(settings: Settings) -> GenerationSettings:
    """How the run's samples are generated."""
    samples = settings.samples
    return GenerationSettings(
        width=samples.width or settings.data.side,
        height=samples.height or settings.data.side,
        steps=samples.steps,
        guidance_scale=samples.guidance_scale,
        sampler=samples.sampler,
        negative_prompt=samples.negative_prompt,
        reading=sample_reading(settings),
    )


def generate_samples(
    run: RunFolder,
    model: DiffusionModel,
    settings: Settings,
    accelerator: Accelerator,
    step: int,
    check: Callable[[], None],
    encode: Encode | None = None,
    bring_back: BringBack = nothing_is_away,
) -> Iterator[Event]:
    """Generate one image for each sample prompt, the k-th with seed `samples.seed` + k; yields the event of each.

    An image that is not finite or all black is not kept, and a warning stands in its place. check, encode, bring_back:
    as in `generate_images`.
    """
    generation = sample_generation_settings(settings)
    for number, prompt in enumerate(settings.samples.prompts):
        seed = settings.samples.seed + number
        (drawn,) = draw_images(model, [prompt], [seed], generation, accelerator.autocast(), check, encode, bring_back)
        if drawn.image is None:
            why = no_image(seed, drawn)
            yield Warning_(f"The sample of {prompt!r} after {counted(step, 'step')} is not kept. {why}")
            continue
        path = run.samples / f"step-{step:06d}-{number:02d}.png"
        with replacing(path) as unfinished:
            drawn.image.save(unfinished, format="PNG")
        yield Sample(step=step, file=path.relative_to(run.path).as_posix(), prompt=prompt, seed=seed)
