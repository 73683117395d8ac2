"""Pictures drawn during a run, in the run folder's samples/."""

from __future__ import annotations

from accelerate import Accelerator

from ...families.family import DiffusionModel
from ...runs.atomic import replacing
from ...runs.folder import RunFolder
from ...runs.messages import Sample
from ...sampling.draw import Drawing, draw_pictures
from ...settings.options import Settings


def sample_drawing(settings: Settings) -> Drawing:
    """How the run's samples are drawn."""
    samples = settings.samples
    return Drawing(
        width=samples.width or settings.data.resolution,
        height=samples.height or settings.data.resolution,
        steps=samples.steps,
        guidance_scale=samples.guidance_scale,
        sampler=samples.sampler,
        negative_prompt=samples.negative_prompt,
    )


def draw_samples(
    run: RunFolder, model: DiffusionModel, settings: Settings, accelerator: Accelerator, step: int
) -> list[Sample]:
    """Draw one picture for each sample prompt, the k-th with seed `samples.seed` + k, and say where they are."""
    drawing, drawn = sample_drawing(settings), []
    for number, prompt in enumerate(settings.samples.prompts):
        seed = settings.samples.seed + number
        (picture,) = draw_pictures(model, [prompt], [seed], drawing, accelerator.autocast())
        path = run.samples / f"step-{step:06d}-{number:02d}.png"
        with replacing(path) as unfinished:
            picture.save(unfinished, format="PNG")
        drawn.append(Sample(step=step, file=path.relative_to(run.path).as_posix(), prompt=prompt, seed=seed))
    return drawn
